// NomicBERT as transformers' NomicBertModel has it since release 5: BERT's names of keys, always rotary and gated, without biases in the layers.
#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/architectures/rope.hpp"

namespace berth::engine {

namespace {

void read_nomic_bert_native(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  expect_head_size(json, "head_dim", config);
  use_rope(json, 1000.0, config);
}

TensorNames native_nomic_names() {
  TensorNames names = kSeparateProjections;
  names.intermediate = "layers.{i}.mlp.gate_proj";
  names.intermediate_value = "layers.{i}.mlp.up_proj";
  names.output = "layers.{i}.mlp.down_proj";
  return names;
}

HeadSpec native_nomic_masked_lm(std::string_view class_suffix) {
  HeadSpec head = bert_masked_lm(class_suffix);
  head.steps.front().activation = kernels::Activation::silu;
  head.steps.front().norm = "cls.predictions.transform.layer_norm";
  return head;
}

}  // namespace

const ArchitectureSpec kNomicBertNative{
    .model_type = "nomic_bert",
    .summary = "NomicBERT of transformers 5, under its own names of tensors or the published ones",
    .prefixes = {"", "nomic_bert.", "bert."},
    .position_types = {},
    .defaults = {.activation = "silu"},
    .body = {.names = native_nomic_names(),
             .gate = Gate::first_half,
             .biases = {.query_key_value = false, .attention_output = false, .intermediate = false, .output = false}},
    .other_names = {kNomicNames},
    .pooler = kBertPooler,
    .heads = {pooled_classifier(), token_classifier(), native_nomic_masked_lm(kForMaskedLm), native_nomic_masked_lm(kForPreTraining)},
    .read = read_nomic_bert_native,
};

}  // namespace berth::engine
