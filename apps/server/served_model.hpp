// A model as the server has it: what it can do and how it answers to, from berth's description of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <berth/berth.hpp>

namespace berth::server {

enum class ModelKind { embedding, classifier, reranker, tagger, masked, answering };
std::string_view name(ModelKind kind) noexcept;

struct ServedModel {
  ServedModel(std::string name, const std::string& directory, Model loaded);

  std::string name;       // that requests call it by
  std::string directory;  // as it was given
  Model model;
  std::optional<Tokenizer> tokenizer;
  std::uint64_t generation;  // another one for every load in this process

  ModelKind kind = ModelKind::embedding;
  unsigned vector_kinds = 0, default_vector_kind = 0;
  bool normalizes = false;  // its own modules end with Normalize
  std::string pooling;      // "mean"
  std::string architecture, precision;
  std::vector<std::string> labels;
  std::map<std::string, std::string> prompts;
  std::optional<std::string> default_prompt;  // the text
  std::size_t max_length = 0, hidden_size = 0, embedding_size = 0, vocab_size = 0;
  std::size_t bytes = 0;  // of its weights
  int threads = 0;
};
using ModelPointer = std::shared_ptr<const ServedModel>;

}  // namespace berth::server
