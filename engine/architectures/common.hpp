// Heads that many architectures share.
#pragma once

#include "engine/architecture.hpp"

namespace berth::engine {

inline constexpr std::string_view kForSequenceClassification = "ForSequenceClassification";
inline constexpr std::string_view kForTokenClassification = "ForTokenClassification";
inline constexpr std::string_view kForQuestionAnswering = "ForQuestionAnswering";
inline constexpr std::string_view kForMaskedLm = "ForMaskedLM";
inline constexpr std::string_view kForPreTraining = "ForPreTraining";

inline HeadSpec sequence_classifier(std::vector<DenseStep> steps) {
  return {.kind = HeadKind::sequence_classifier, .class_suffix = kForSequenceClassification, .steps = std::move(steps)};
}
// One linear layer over every token.
inline HeadSpec token_classifier(std::vector<DenseStep> steps = {{.name = "classifier"}}) {
  return {.kind = HeadKind::token_classifier, .class_suffix = kForTokenClassification, .steps = std::move(steps)};
}
inline HeadSpec span_head(std::vector<DenseStep> steps = {{.name = "qa_outputs"}}) {
  return {.kind = HeadKind::span, .class_suffix = kForQuestionAnswering, .steps = std::move(steps), .outputs = 2};
}

// BERT's masked-language-model head, "cls.predictions".
inline HeadSpec bert_masked_lm(std::string_view class_suffix = kForMaskedLm) {
  return {.kind = HeadKind::masked_lm,
          .class_suffix = class_suffix,
          .steps = {{.name = "cls.predictions.transform.dense",
                     .activation = kernels::Activation::gelu,
                     .activation_key = "hidden_act",
                     .norm = "cls.predictions.transform.LayerNorm"}},
          .decoder = "cls.predictions.decoder",
          .decoder_bias = {"cls.predictions.bias", "cls.predictions.decoder.bias"}};
}
// RoBERTa's, "lm_head"; its activation is GELU by erf whatever the layers' is.
inline HeadSpec roberta_masked_lm() {
  return {.kind = HeadKind::masked_lm,
          .class_suffix = kForMaskedLm,
          .steps = {{.name = "lm_head.dense", .activation = kernels::Activation::gelu, .norm = "lm_head.layer_norm"}},
          .decoder = "lm_head.decoder",
          .decoder_bias = {"lm_head.bias", "lm_head.decoder.bias"}};
}

// The pooler of BERT and its kin: tanh over the first token.
inline const std::vector<DenseStep> kBertPooler = {{.name = "pooler.dense", .activation = kernels::Activation::tanh, .in_body = true}};
inline HeadSpec pooled_classifier() {
  return sequence_classifier({{.name = "pooler.dense", .activation = kernels::Activation::tanh, .in_body = true}, {.name = "classifier"}});
}
// RoBERTa's two layers over the first token.
inline HeadSpec two_layer_classifier(kernels::Activation activation = kernels::Activation::tanh) {
  return sequence_classifier({{.name = "classifier.dense", .activation = activation}, {.name = "classifier.out_proj"}});
}

// The tensors of BERT and those that kept its names.
inline constexpr TensorNames kBertNames{
    .word_embeddings = "embeddings.word_embeddings",
    .position_embeddings = "embeddings.position_embeddings",
    .token_type_embeddings = "embeddings.token_type_embeddings",
    .embedding_norm = "embeddings.LayerNorm",
    .query = "encoder.layer.{i}.attention.self.query",
    .key = "encoder.layer.{i}.attention.self.key",
    .value = "encoder.layer.{i}.attention.self.value",
    .attention_output = "encoder.layer.{i}.attention.output.dense",
    .attention_norm = "encoder.layer.{i}.attention.output.LayerNorm",
    .intermediate = "encoder.layer.{i}.intermediate.dense",
    .output = "encoder.layer.{i}.output.dense",
    .output_norm = "encoder.layer.{i}.output.LayerNorm",
};

// What NomicBERT and Jina v3 share but for the feed-forward block: under the names of their published files, and under those of transformers 5.
inline constexpr TensorNames kPackedProjections{
    .word_embeddings = "embeddings.word_embeddings",
    .token_type_embeddings = "embeddings.token_type_embeddings",
    .embedding_norm = "emb_ln",
    .query_key_value = "encoder.layers.{i}.attn.Wqkv",
    .attention_output = "encoder.layers.{i}.attn.out_proj",
    .attention_norm = "encoder.layers.{i}.norm1",
    .output_norm = "encoder.layers.{i}.norm2",
};
inline constexpr TensorNames kSeparateProjections{
    .word_embeddings = "embeddings.word_embeddings",
    .token_type_embeddings = "embeddings.token_type_embeddings",
    .embedding_norm = "embeddings.LayerNorm",
    .query = "layers.{i}.self_attn.q_proj",
    .key = "layers.{i}.self_attn.k_proj",
    .value = "layers.{i}.self_attn.v_proj",
    .attention_output = "layers.{i}.self_attn.o_proj",
    .attention_norm = "layers.{i}.post_attention_layernorm",
    .output_norm = "layers.{i}.post_mlp_layernorm",
};
// Those of jinaai's XLM-RoBERTa.
inline constexpr TensorNames kMixerNames = [] {
  TensorNames names = kPackedProjections;
  names.query_key_value = "encoder.layers.{i}.mixer.Wqkv";
  names.attention_output = "encoder.layers.{i}.mixer.out_proj";
  names.intermediate = "encoder.layers.{i}.mlp.fc1";
  names.output = "encoder.layers.{i}.mlp.fc2";
  return names;
}();
// NomicBERT's published names.
inline constexpr TensorNames kNomicNames = [] {
  TensorNames names = kPackedProjections;
  names.intermediate = "encoder.layers.{i}.mlp.fc12";
  names.intermediate_value = "encoder.layers.{i}.mlp.fc11";
  names.output = "encoder.layers.{i}.mlp.fc2";
  return names;
}();

}  // namespace berth::engine
