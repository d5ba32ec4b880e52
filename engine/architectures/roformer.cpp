// RoFormer (Su et al. 2021), as transformers' RoFormerModel: BERT with rotary positions, of neighbours, in place of learned ones, and no pooler.
#include <cmath>

#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/model_config.hpp"

namespace berth::engine {

namespace {

TensorNames roformer_names() {
  TensorNames names = kBertNames;
  names.position_embeddings = "";
  names.embedding_projection = "embeddings_project";
  return names;
}

// The library's table of sines and cosines is made in float64. The file has it, too, as what it is always: it is not read.
void read_roformer(const base::JsonObject& json, const loaders::TensorStore&, ModelConfig& config) {
  if (config.embedding_size == config.hidden_size) config.body.names.embedding_projection = "";
  expect_pairs(json, config);
  RotarySpec rotary{.frequencies = {}, .interleaved = true, .turns_values = json.boolean_or("rotary_value", false), .float_angles = false};
  for (std::size_t i = 0; i < config.head_size; i += 2)
    rotary.frequencies.push_back(std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(config.head_size)));
  use_rotary(config, std::move(rotary));
}

}  // namespace

const ArchitectureSpec kRoFormer{
    .model_type = "roformer",
    .summary = "BERT with rotary positions, and tables of a size of their own",
    .prefixes = {"", "roformer."},
    .position_types = {},
    .keys = {.embedding_size = "embedding_size"},
    .body = {.names = roformer_names()},
    .heads = {sequence_classifier(
                  {{.name = "classifier.dense", .activation = kernels::Activation::gelu, .activation_key = "hidden_act"}, {.name = "classifier.out_proj"}}),
              token_classifier(), span_head(), bert_masked_lm()},
    .words_by_jieba = true,
    .read = read_roformer,
};

}  // namespace berth::engine
