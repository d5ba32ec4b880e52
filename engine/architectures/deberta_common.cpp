#include "engine/architectures/deberta_common.hpp"

#include <limits>

#include "base/utf8.hpp"

namespace berth::engine {

TensorNames deberta_names() {
  return {
      .word_embeddings = "embeddings.word_embeddings",
      .position_embeddings = "embeddings.position_embeddings",
      .token_type_embeddings = "embeddings.token_type_embeddings",
      .embedding_norm = "embeddings.LayerNorm",
      .embedding_projection = "embeddings.embed_proj",
      .attention_output = "encoder.layer.{i}.attention.output.dense",
      .attention_norm = "encoder.layer.{i}.attention.output.LayerNorm",
      .intermediate = "encoder.layer.{i}.intermediate.dense",
      .output = "encoder.layer.{i}.output.dense",
      .output_norm = "encoder.layer.{i}.output.LayerNorm",
      .relative_embeddings = "encoder.rel_embeddings",
  };
}

std::vector<HeadSpec> deberta_heads() {
  const DenseStep pooler{.name = "pooler.dense", .activation = kernels::Activation::gelu, .activation_key = "pooler_hidden_act"};
  // Newer files of transformers may have the masked-language-model head under other names ("legacy": false).
  const HeadSpec newer_masked_lm{.kind = HeadKind::masked_lm,
                                 .class_suffix = kForMaskedLm,
                                 .steps = {{.name = "lm_predictions.lm_head.dense",
                                            .activation = kernels::Activation::gelu,
                                            .activation_key = "hidden_act",
                                            .norm = "lm_predictions.lm_head.LayerNorm"}},
                                 .decoder_bias = {"lm_predictions.lm_head.bias"}};
  return {sequence_classifier({pooler, {.name = "classifier"}}), token_classifier(), span_head(), bert_masked_lm(), newer_masked_lm};
}

std::vector<std::string> deberta_position_types(const base::JsonObject& json) {
  const base::Json* types = json.find("pos_att_type");
  if (types == nullptr) return {};
  std::vector<std::string> result;
  if (types->is_string()) {
    std::string rest = base::lower_ascii(types->get<std::string>());
    for (std::size_t bar = 0; bar != std::string::npos; rest.erase(0, bar == std::string::npos ? 0 : bar + 1)) {
      bar = rest.find('|');
      std::string type = rest.substr(0, bar);
      type.erase(0, type.find_first_not_of(' '));
      type.erase(type.find_last_not_of(' ') + 1);
      result.push_back(type);
    }
    return result;
  }
  if (!types->is_array()) json.fail("pos_att_type", "expected a list of strings");
  for (const base::Json& type : *types) {
    if (!type.is_string()) json.fail("pos_att_type", "expected a list of strings");
    result.push_back(type.get<std::string>());
  }
  return result;
}

std::size_t deberta_size_or(const base::JsonObject& json, const char* key, std::size_t otherwise) {
  const std::int64_t value = json.integer_or(key, -1, std::numeric_limits<std::int32_t>::min(), 1 << 20);
  return value < 1 ? otherwise : static_cast<std::size_t>(value);
}

void read_deberta_embeddings(const base::JsonObject& json, ModelConfig& config) {
  if (!json.boolean_or("position_biased_input", true)) config.body.names.position_embeddings = "";
  if (config.embedding_size == config.hidden_size) config.body.names.embedding_projection = "";
  config.body.biases.embedding_projection = false;
}

}  // namespace berth::engine
