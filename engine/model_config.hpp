// config.json, read by an architecture's keys and checked.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "engine/architecture.hpp"
#include "loaders/model_directory.hpp"

namespace berth::engine {

// How scores come from logits, by the rule of Hugging Face's text-classification pipeline.
enum class ScoreFunction { none, sigmoid, softmax };

struct ModelConfig {
  const ArchitectureSpec* architecture = nullptr;
  std::size_t hidden_size = 0;
  std::size_t num_layers = 0;
  std::size_t num_heads = 0;
  std::size_t head_size = 0;
  std::size_t intermediate_size = 0;
  std::size_t vocab_size = 0;
  std::size_t max_positions = 0;
  std::size_t type_vocab_size = 0;  // 0: no token types
  float layer_norm_epsilon = 0.0F;
  kernels::Activation activation{};

  bool has_sequence_classifier = false;
  std::vector<std::string> labels;  // by index; of the sequence classifier
  ScoreFunction score_function{};
};

// base::Error: unsupported for a model_type or a variant berth does not run, corrupt_file for missing or impossible values.
ModelConfig read_model_config(const loaders::ModelDirectory& directory);

// A directory whose config.json names no class has a sequence classifier when its weights have one.
void find_unnamed_head(ModelConfig& config, const loaders::ModelDirectory& directory, const loaders::TensorStore& tensors);

// A Hugging Face activation name ("gelu_new"); throws unsupported listing the known ones.
kernels::Activation activation_by_name(const std::string& name, const std::string& label, const char* field);

}  // namespace berth::engine
