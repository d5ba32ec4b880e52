#include "loaders/model_directory.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "loaders/sentence_transformers.hpp"

namespace berth::loaders {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;

// Errors here meet users first: say what a name that is no directory probably was meant to be.
void check_directory(const fs::path& directory) {
  const std::string label = base::display(directory);
  if (directory.empty()) throw Error(ErrorCode::not_found, "the model directory's name is empty");
  if (directory.native().find('\0') != std::string::npos) throw Error(ErrorCode::not_found, label + ": the name contains a NUL byte");
  std::error_code error;
  const fs::file_status status = fs::status(directory, error);
  if (status.type() == fs::file_type::not_found) {
    throw Error(ErrorCode::not_found, label + ": no such directory; berth reads local directories and never downloads");
  }
  if (error) throw Error(ErrorCode::not_found, label + ": " + error.message());
  if (status.type() != fs::file_type::directory) {
    throw Error(ErrorCode::not_found, label + ": not a directory; name the directory that holds config.json and model.safetensors");
  }
}

void hint_at_hub_cache(const fs::path& directory) {
  std::error_code error;
  if (!fs::is_directory(directory / "snapshots", error)) return;
  throw Error(ErrorCode::not_found, base::display(directory) + ": this is a hub cache folder; name one of the directories in its snapshots/");
}

bool is_colbert(const base::Json& config) {
  const auto classes = config.find("architectures");
  if (classes == config.end() || !classes->is_array()) return false;
  return std::find(classes->begin(), classes->end(), "HF_ColBERT") != classes->end();
}

bool is_model2vec(const fs::path& directory) {
  const fs::path file = directory / "config.json";
  if (!base::file_exists(file)) return false;
  const base::Json config = base::read_json_file(file);
  return config.is_object() && config.contains("model_type") && config["model_type"] == "model2vec";
}

// config.json of the encoder, which only some static models can do without.
void read_config(ModelDirectory& model) {
  const fs::path config = model.encoder / "config.json";
  model.config_label = base::display(config);
  if (!base::file_exists(config)) {
    if (model.static_kind == StaticKind::sentence_transformers || model.static_kind == StaticKind::sparse) {
      model.config = base::Json::object();
      return;
    }
    hint_at_hub_cache(model.root);
    throw Error(ErrorCode::not_found, model.config_label + ": no such file; a model directory has a config.json");
  }
  model.config = base::read_json_file(config);
  static_cast<void>(base::JsonObject(model.config, model.config_label));  // an object, or an error that says so
}

void take_files(SentenceTransformersFiles& files, ModelDirectory& model) {
  model.static_kind = files.static_kind;
  model.encoder = std::move(files.encoder);
  model.sentence_transformers = std::move(files.spec);
  if (!files.queries) return;
  auto queries = std::make_shared<ModelDirectory>();
  queries->root = model.root;
  take_files(*files.queries, *queries);
  read_config(*queries);
  model.queries = std::move(queries);
}

}  // namespace

ModelDirectory ModelDirectory::open(const fs::path& directory, base::FileAccess access) {
  check_directory(directory);
  ModelDirectory model;
  model.root = directory;
  model.encoder = directory;
  if (is_model2vec(directory)) {  // its modules.json says the same as its config.json
    model.static_kind = StaticKind::model2vec;
  } else if (base::file_exists(directory / "modules.json")) {
    SentenceTransformersFiles files = read_sentence_transformers(directory, access);
    take_files(files, model);
  }
  read_config(model);
  if (!model.sentence_transformers && model.static_kind == StaticKind::none && is_colbert(model.config)) {
    SentenceTransformersSpec spec;
    spec.generation = Generation::second;
    spec.modules.push_back({ModuleType::transformer, "", {}, {}});
    spec.late_interaction = read_colbert(directory);
    model.sentence_transformers = std::move(spec);
  }
  return model;
}

}  // namespace berth::loaders
