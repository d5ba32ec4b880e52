// RoBERTa (Liu et al. 2019), XLM-RoBERTa (Conneau et al. 2020), CamemBERT (Martin et al. 2020) and the text model of data2vec (Baevski et al. 2022): BERT's
// layers, positions that start behind the padding id, a classifier of two layers. They differ in their model_type and prefix alone.
#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/architectures/relative_keys.hpp"

namespace berth::engine {

namespace {

// Those of jinaai's reranker v2.
TensorNames mixer_names() {
  TensorNames names = kMixerNames;
  names.position_embeddings = "embeddings.position_embeddings";
  return names;
}

ArchitectureSpec roberta(std::string_view model_type, std::string_view summary, std::string_view prefix = "roberta.") {
  return {
      .model_type = model_type,
      .summary = summary,
      .prefixes = {"", prefix},
      .position_types = kLearnedPositions,
      .body = {.names = kBertNames, .positions_skip_padding = true},
      .other_names = {mixer_names()},
      .pooler = kBertPooler,
      .heads = {two_layer_classifier(), token_classifier(), span_head(), roberta_masked_lm()},
      .read = read_learned_positions,
  };
}

}  // namespace

const ArchitectureSpec kRoberta = roberta("roberta", "learned positions that start behind the padding id");
const ArchitectureSpec kXlmRoberta = roberta("xlm-roberta", "RoBERTa");
const ArchitectureSpec kCamembert = roberta("camembert", "RoBERTa");
const ArchitectureSpec kData2VecText = roberta("data2vec-text", "RoBERTa", "data2vec_text.");

}  // namespace berth::engine
