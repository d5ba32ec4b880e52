// DistilBERT (Sanh et al. 2019), as transformers' DistilBertModel: BERT without token types and pooler. Its norms' epsilon is fixed.
#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"

namespace berth::engine {

const ArchitectureSpec kDistilBert{
    .model_type = "distilbert",
    .summary = "BERT without token types and pooler",
    .prefixes = {"", "distilbert."},
    .keys =
        {
            .hidden_size = "dim",
            .num_layers = "n_layers",
            .num_heads = "n_heads",
            .intermediate_size = "hidden_dim",
            .type_vocab_size = "",
            .activation = "activation",
            .layer_norm_epsilon = "",
        },
    .body = {.names =
                 {
                     .word_embeddings = "embeddings.word_embeddings",
                     .position_embeddings = "embeddings.position_embeddings",
                     .embedding_norm = "embeddings.LayerNorm",
                     .query = "transformer.layer.{i}.attention.q_lin",
                     .key = "transformer.layer.{i}.attention.k_lin",
                     .value = "transformer.layer.{i}.attention.v_lin",
                     .attention_output = "transformer.layer.{i}.attention.out_lin",
                     .attention_norm = "transformer.layer.{i}.sa_layer_norm",
                     .intermediate = "transformer.layer.{i}.ffn.lin1",
                     .output = "transformer.layer.{i}.ffn.lin2",
                     .output_norm = "transformer.layer.{i}.output_layer_norm",
                 }},
    .heads = {sequence_classifier({{.name = "pre_classifier", .activation = kernels::Activation::relu}, {.name = "classifier"}}),
              token_classifier(),
              span_head(),
              {.kind = HeadKind::masked_lm,
               .class_suffix = kForMaskedLm,
               .steps = {{.name = "vocab_transform", .activation = kernels::Activation::gelu, .activation_key = "activation", .norm = "vocab_layer_norm"}},
               .decoder = "vocab_projector",
               .decoder_bias = {"vocab_projector.bias"}}},
};

}  // namespace berth::engine
