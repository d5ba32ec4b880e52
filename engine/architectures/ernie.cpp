// ERNIE (Sun et al. 2019 and later), as transformers' ErnieModel: BERT, in later releases with an embedding of the task besides.
#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/architectures/relative_keys.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

TensorNames ernie_names() {
  TensorNames names = kBertNames;
  names.task_type_embeddings = "embeddings.task_type_embeddings";
  return names;
}

void read_ernie(const base::JsonObject& json, const loaders::TensorStore& tensors, ModelConfig& config) {
  read_learned_positions(json, tensors, config);
  config.task_types = size_or(json, "task_type_vocab_size", 3, 1, 1 << 16);
  if (!json.boolean_or("use_task_id", false)) config.body.names.task_type_embeddings = "";
}

}  // namespace

const ArchitectureSpec kErnie{
    .model_type = "ernie",
    .summary = "BERT, with an embedding of the first task type where `use_task_id` is true",
    .prefixes = {"", "ernie."},
    .position_types = kLearnedPositions,
    .body = {.names = ernie_names()},
    .pooler = kBertPooler,
    .heads = {pooled_classifier(), token_classifier(), span_head(), bert_masked_lm(), bert_masked_lm(kForPreTraining)},
    .read = read_ernie,
};

}  // namespace berth::engine
