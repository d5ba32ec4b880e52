#include "apps/server/served_model.hpp"

namespace berth::server {
namespace {

std::uint64_t next_generation() {
  static std::atomic<std::uint64_t> generation{0};
  return ++generation;
}

ModelKind kind_of(const std::string& task, std::size_t labels) {
  if (task == "sequence-classification") return labels == 1 ? ModelKind::reranker : ModelKind::classifier;
  if (task == "token-classification") return ModelKind::tagger;
  if (task == "question-answering") return ModelKind::answering;
  return task == "fill-mask" ? ModelKind::masked : ModelKind::embedding;
}

bool ends_in_normalize(const base::Json& info) {
  const base::Json& modules = info["pooling"];
  return !modules.empty() && modules.back() == "normalize";
}

}  // namespace

std::string_view name(ModelKind kind) noexcept {
  switch (kind) {
    case ModelKind::embedding: return "embedding";
    case ModelKind::classifier: return "classifier";
    case ModelKind::reranker: return "reranker";
    case ModelKind::tagger: return "tagger";
    case ModelKind::masked: return "masked";
    case ModelKind::answering: return "answering";
    case ModelKind::profile: return "profile";
  }
  return "";
}

void ServedModel::describe(const base::Json& info) {
  architecture = info.value("model_type", "");
  precision = info.value("precision", "");
  max_length = info.value("max_length", std::size_t{0});
  hidden_size = info.value("hidden_size", std::size_t{0});
  bytes = info.value("model_size_bytes", std::size_t{0});
  if (info.contains("queries")) bytes += info["queries"].value("model_size_bytes", std::size_t{0});
  threads = info.value("threads", 0);
}

ServedModel::ServedModel(std::string name_, const std::string& directory_, Model loaded)
    : name(std::move(name_)), directory(directory_), model(std::move(loaded)), tokenizer(model->tokenizer()), generation(next_generation()) {
  const base::Json info = base::Json::parse(model->info());
  describe(info);
  for (std::size_t i = 0; i < model->num_labels(); ++i) labels.emplace_back(model->label(i));
  kind = kind_of(info.value("task", ""), labels.size());
  if (kind == ModelKind::masked && tokenizer)
    for (const std::string_view known : {"[MASK]", "<mask>"})
      if (const Encoding one = tokenizer->tokenize(known, {.add_special_tokens = false}); one.size() == 1 && one.token(0) == known) mask_text = known;
  vector_kinds = model->vector_kinds();
  default_vector_kind = model->default_vector_kind();
  for (const base::Json& module : info["pooling"]) {
    const std::string text = module.get<std::string>();
    if (text.starts_with("pooling ")) pooling = text.substr(8);
  }
  normalizes = ends_in_normalize(info);
  if (pooling == "lasttoken") pooling = "last_token";
  if (default_vector_kind == BERTH_SPARSE) pooling = "splade";
  if (info.contains("prompts")) prompts = info["prompts"].get<std::map<std::string, std::string>>();
  if (info.contains("default_prompt_name")) default_prompt = prompts.at(info["default_prompt_name"].get<std::string>());
  if (default_prompt && default_prompt->empty()) default_prompt.reset();
  pools_prompts = info.value("include_prompt", true);
  routes_queries = info.contains("queries");
  normalizes_queries = routes_queries ? ends_in_normalize(info["queries"]) : normalizes;
  max_length_queries = routes_queries ? info["queries"].value("max_length", std::size_t{0}) : max_length;
  embedding_size = model->embedding_size();
  vocab_size = model->vocab_size();
  vocab_size_queries = routes_queries ? info["queries"].value("vocab_size", std::size_t{0}) : vocab_size;
}

ServedModel::ServedModel(std::string name_, const std::string& file, Classifier loaded)
    : name(std::move(name_)), directory(file), classifier(std::move(loaded)), generation(next_generation()), kind(ModelKind::profile) {
  const base::Json info = base::Json::parse(classifier->info());
  if (info["model"].is_object()) describe(info["model"]);
  if (const auto limit = info.value("max_length", std::size_t{0}); limit > 0 && limit < max_length) max_length = limit;
  for (std::size_t i = 0; i < classifier->num_labels(); ++i) labels.emplace_back(classifier->label(i));
  model_error = info.value("model_error", "");
  windows = info.value("long_text", "") == "window";
}

}  // namespace berth::server
