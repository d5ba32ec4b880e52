// A classifier over sentence embeddings: SetFit's (loaders/setfit.hpp).
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

#include "engine/model_config.hpp"
#include "engine/weights.hpp"

namespace berth::engine {

struct SentenceHead {
  Linear linear;           // [labels, embedding size], FP32
  bool normalize = false;  // the embeddings, before
};

// nullopt for a directory without one. Then `config` gets its labels and how they are scored, and where berth cannot run the one there is, why
// (ModelConfig::unsupported_head): the directory's embeddings are none the worse. base::Error{corrupt_file}.
std::optional<SentenceHead> bind_sentence_head(const std::filesystem::path& directory, std::size_t embedding_size, const Compute& compute, ModelConfig& config);

// out [rows, labels]: logits of embeddings [rows, embedding size].
void run_sentence_head(const Compute& compute, const SentenceHead& head, const float* embeddings, std::size_t rows, float* out);

}  // namespace berth::engine
