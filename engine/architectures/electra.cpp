// ELECTRA (Clark et al. 2020), as transformers' ElectraModel: BERT with tables of a size of their own, and no pooler.
#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/architectures/relative_keys.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

TensorNames names() {
  TensorNames names = kBertNames;
  names.embedding_projection = "embeddings_project";
  return names;
}

void read_electra(const base::JsonObject& json, const loaders::TensorStore& tensors, ModelConfig& config) {
  read_learned_positions(json, tensors, config);
  if (config.embedding_size == config.hidden_size) config.body.names.embedding_projection = "";
}

}  // namespace

const ArchitectureSpec kElectra{
    .model_type = "electra",
    .summary = "BERT with tables of a size of their own; the discriminator's head counts as token classification with one logit",
    .prefixes = {"", "electra."},
    .position_types = kLearnedPositions,
    .keys = {.embedding_size = "embedding_size"},
    .defaults = {.embedding_size = 128},
    .body = {.names = names()},
    .heads = {two_layer_classifier(kernels::Activation::gelu),
              token_classifier(),
              span_head(),
              {.kind = HeadKind::masked_lm,
               .class_suffix = kForMaskedLm,
               .steps = {{.name = "generator_predictions.dense", .activation = kernels::Activation::gelu, .norm = "generator_predictions.LayerNorm"}},
               .decoder = "generator_lm_head",
               .decoder_bias = {"generator_lm_head.bias"}},
              // The discriminator: one logit a token, of having been replaced.
              {.kind = HeadKind::token_classifier,
               .class_suffix = kForPreTraining,
               .steps = {{.name = "discriminator_predictions.dense", .activation = kernels::Activation::gelu, .activation_key = "hidden_act"},
                         {.name = "discriminator_predictions.dense_prediction"}},
               .outputs = 1}},
    .read = read_electra,
};

}  // namespace berth::engine
