// What berth says about a machine and a model, as JSON.
#pragma once

#include <span>
#include <string>

#include "base/file_log.hpp"
#include "engine/auto_precision.hpp"
#include "engine/model_config.hpp"
#include "engine/pooling.hpp"
#include "engine/weights.hpp"
#include "kernels/isa.hpp"
#include "loaders/model_directory.hpp"
#include "tokenizer/tokenizer.hpp"

namespace berth::engine {

struct ModelFacts {
  const ModelConfig& config;
  const ModelWeights& weights;
  std::span<const SentenceModule> modules;
  std::span<const base::LoggedFile> files;
  const tokenizer::Tokenizer* tokenizer;
  kernels::Isa isa;
  int threads;
  Precision precision;
  const AutoPrecision& automatic;
  const std::string& adapter;  // that the model runs with; empty: none
  std::size_t max_length;
  std::size_t embedding_size;
  const std::string* queries;  // what this function gave for the model of queries; null: there is none
  const loaders::ModelDirectory& directory;
};

std::string describe_model(const ModelFacts& facts);

// Throws as kernels::select_isa does.
std::string describe_system();

}  // namespace berth::engine
