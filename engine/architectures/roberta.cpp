// RoBERTa (Liu et al. 2019), XLM-RoBERTa (Conneau et al. 2020) and CamemBERT (Martin et al. 2020): BERT's layers, positions that start behind the padding
// id, a classifier of two layers. The three differ in their model_type alone.
#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"

namespace berth::engine {

namespace {

ArchitectureSpec roberta(std::string_view model_type, std::string_view summary) {
  return {
      .model_type = model_type,
      .summary = summary,
      .prefixes = {"", "roberta."},
      .body = {.names = kBertNames, .positions_skip_padding = true},
      .pooler = kBertPooler,
      .heads = {two_layer_classifier(), token_classifier(), span_head(), roberta_masked_lm()},
  };
}

}  // namespace

const ArchitectureSpec kRoberta = roberta("roberta", "learned positions that start behind the padding id");
const ArchitectureSpec kXlmRoberta = roberta("xlm-roberta", "RoBERTa");
const ArchitectureSpec kCamembert = roberta("camembert", "RoBERTa");

}  // namespace berth::engine
