// BERT (Devlin et al. 2018), as transformers' BertModel: learned absolute positions, token types, post-norm layers.
#include "engine/architectures/registry.hpp"

namespace berth::engine {

const ArchitectureSpec kBert{
    .model_type = "bert",
    .prefixes = {"", "bert."},
    .keys = {},
    .names =
        {
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
        },
    .pooler = {{.name = "pooler.dense", .activation = kernels::Activation::tanh, .in_body = true}},
    .sequence_classifier = {{.name = "pooler.dense", .activation = kernels::Activation::tanh, .in_body = true}, {.name = "classifier"}},
    .sequence_classifier_class = "BertForSequenceClassification",
};

}  // namespace berth::engine
