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

#include "base/json.hpp"

namespace berth::server {

enum class ModelKind { embedding, classifier, reranker, tagger, masked, answering, profile };
std::string_view name(ModelKind kind) noexcept;

struct ServedModel {
  ServedModel(std::string name, const std::string& directory, Model loaded);
  // A profile: `file` is in the place of the directory.
  ServedModel(std::string name, const std::string& file, Classifier loaded);

  std::string name;                      // that requests call it by
  std::string directory;                 // as it was given
  std::optional<Model> model;            // absent: a profile
  std::optional<Classifier> classifier;  // of a profile
  std::string model_error;               // of a profile whose rules do without its model: why it has none
  std::optional<Tokenizer> tokenizer;
  std::uint64_t generation;  // another one for every load in this process

  ModelKind kind = ModelKind::embedding;
  unsigned vector_kinds = 0, default_vector_kind = 0;
  bool routes_queries = false;                          // there is a model of its own for queries
  bool normalizes = false, normalizes_queries = false;  // its own modules end with Normalize
  std::string pooling;                                  // "mean"
  std::string architecture, precision;
  std::vector<std::string> labels;
  std::map<std::string, std::string> prompts;
  bool pools_prompts = true;                  // a text with its prompt is one text, and its ids are all there is to it
  bool windows = false;                       // a profile that runs long texts as windows
  std::optional<std::string> default_prompt;  // the text
  std::size_t max_length = 0, hidden_size = 0, embedding_size = 0, vocab_size = 0;
  std::size_t max_length_queries = 0, vocab_size_queries = 0;  // of the model that queries run through
  std::string mask_text;                                       // of fill-mask models, where the mask token is called as usual
  std::size_t bytes = 0;                                       // of its weights, with those of a model of its own for queries
  int threads = 0;

 private:
  void describe(const base::Json& info);  // of a model
};
using ModelPointer = std::shared_ptr<const ServedModel>;

}  // namespace berth::server
