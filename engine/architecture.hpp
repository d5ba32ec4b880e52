// A model is data: what distinguishes BERT from DistilBERT is which tensors are where, which config.json keys say what, and a few choices. The one
// encoder loop (engine/encoder.cpp) runs any description; a new architecture is one file in engine/architectures and one line in its registry.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "kernels/activation.hpp"

namespace berth::engine {

// The names config.json uses. An empty name means that the architecture has no such key.
struct ConfigKeys {
  std::string_view hidden_size = "hidden_size";
  std::string_view num_layers = "num_hidden_layers";
  std::string_view num_heads = "num_attention_heads";
  std::string_view intermediate_size = "intermediate_size";
  std::string_view max_positions = "max_position_embeddings";
  std::string_view type_vocab_size = "type_vocab_size";
  std::string_view activation = "hidden_act";
  std::string_view layer_norm_epsilon = "layer_norm_eps";
};

// Tensor names relative to the body's prefix, without ".weight" and ".bias"; "{i}" stands for the layer. An empty name: there is none.
struct TensorNames {
  std::string_view word_embeddings;
  std::string_view position_embeddings;
  std::string_view token_type_embeddings;
  std::string_view embedding_norm;
  // per layer
  std::string_view query;
  std::string_view key;
  std::string_view value;
  std::string_view attention_output;
  std::string_view attention_norm;
  std::string_view intermediate;
  std::string_view output;
  std::string_view output_norm;
};

// One dense layer of a head: activation(W x + b).
struct DenseStep {
  std::string_view name;  // tensors `name`.weight and `name`.bias
  kernels::Activation activation = kernels::Activation::none;
  bool in_body = false;  // the name takes the body's prefix ("bert.pooler.dense")
};

struct ArchitectureSpec {
  std::string_view model_type;                 // as in config.json
  std::vector<std::string_view> prefixes;      // that the body's tensors may have; "" among them
  ConfigKeys keys;
  double default_layer_norm_epsilon = 1e-12;   // where the config does not say
  TensorNames names;
  std::vector<DenseStep> pooler;               // first token -> pooler_output; optional in the file
  std::vector<DenseStep> sequence_classifier;  // first token -> logits
  std::string_view sequence_classifier_class;  // in config.json "architectures": "BertForSequenceClassification"
};

// All supported architectures.
std::span<const ArchitectureSpec* const> architectures();

// "bert, distilbert": for messages and docs.
std::string_view supported_model_types();

// Null when there is none.
const ArchitectureSpec* find_architecture(std::string_view model_type);

}  // namespace berth::engine
