// How a cross-encoder's logit becomes a score: what sentence-transformers' CrossEncoder stored, else sigmoid for one label.
#include <string>

#include "base/error.hpp"
#include "base/files.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

using base::JsonObject;

// Newest place first, as the library looks for it.
std::optional<std::string> stored_activation(const loaders::ModelDirectory& directory) {
  const JsonObject config(directory.config, directory.config_label);
  if (config.has("sentence_transformers")) {
    const JsonObject own = config.object("sentence_transformers");
    if (own.has("activation_fn")) return own.string("activation_fn");
  }
  if (config.has("sbert_ce_default_activation_function")) return config.string("sbert_ce_default_activation_function");
  const std::filesystem::path file = directory.root / "config_sentence_transformers.json";
  if (!base::file_exists(file)) return std::nullopt;
  const base::Json document = base::read_json_file(file);
  const JsonObject own(document, base::display(file));
  if (own.has("activation_fn")) return own.string("activation_fn");
  return std::nullopt;
}

}  // namespace

void read_rerank_activation(const loaders::ModelDirectory& directory, ModelConfig& config) {
  if (!config.has_sequence_classifier()) return;
  config.rerank_function = config.labels.size() == 1 ? ScoreFunction::sigmoid : ScoreFunction::none;
  const auto path = stored_activation(directory);
  if (!path) return;
  // A Python path is never followed: these are all there are.
  const std::string name = path->substr(path->rfind('.') + 1);
  if (path->starts_with("torch.nn.") && name == "Identity") {
    config.rerank_function = ScoreFunction::none;
  } else if (path->starts_with("torch.nn.") && name == "Sigmoid") {
    config.rerank_function = ScoreFunction::sigmoid;
  } else {
    config.unknown_rerank_activation = *path;
  }
}

}  // namespace berth::engine
