#include "apps/server/served_model.hpp"

#include "base/json.hpp"

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

}  // namespace

std::string_view name(ModelKind kind) noexcept {
  switch (kind) {
    case ModelKind::embedding:
      return "embedding";
    case ModelKind::classifier:
      return "classifier";
    case ModelKind::reranker:
      return "reranker";
    case ModelKind::tagger:
      return "tagger";
    case ModelKind::masked:
      return "masked";
    case ModelKind::answering:
      return "answering";
  }
  return "";
}

ServedModel::ServedModel(std::string name_, const std::string& directory_, Model loaded)
    : name(std::move(name_)), directory(directory_), model(std::move(loaded)), tokenizer(model.tokenizer()), generation(next_generation()) {
  const base::Json info = base::Json::parse(model.info());
  for (std::size_t i = 0; i < model.num_labels(); ++i) labels.emplace_back(model.label(i));
  kind = kind_of(info.value("task", ""), labels.size());
  vector_kinds = model.vector_kinds();
  default_vector_kind = model.default_vector_kind();
  for (const base::Json& module : info["pooling"]) {
    const std::string text = module.get<std::string>();
    normalizes = text == "normalize";
    if (text.starts_with("pooling ")) pooling = text.substr(8);
  }
  if (pooling == "lasttoken") pooling = "last_token";
  if (default_vector_kind == BERTH_SPARSE) pooling = "splade";
  if (info.contains("prompts")) prompts = info["prompts"].get<std::map<std::string, std::string>>();
  if (info.contains("default_prompt_name")) default_prompt = prompts.at(info["default_prompt_name"].get<std::string>());
  if (default_prompt && default_prompt->empty()) default_prompt.reset();
  architecture = info.value("model_type", "");
  precision = info.value("precision", "");
  max_length = model.max_length();
  hidden_size = model.hidden_size();
  embedding_size = model.embedding_size();
  vocab_size = model.vocab_size();
  bytes = info.value("model_size_bytes", std::size_t{0});
  threads = info.value("threads", 0);
}

}  // namespace berth::server
