#include "engine/sentence_head.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "engine/linear.hpp"
#include "loaders/setfit.hpp"

namespace berth::engine {

std::optional<SentenceHead> bind_sentence_head(const std::filesystem::path& directory, std::size_t embedding_size, const Compute& compute,
                                               ModelConfig& config) {
  std::optional<loaders::SetFitHead> stored;
  try {
    stored = loaders::read_setfit_head(directory);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::unsupported) throw;
    config.unsupported_head = error.what();
  }
  if (!stored) return std::nullopt;
  if (stored->features != embedding_size)
    throw base::Error(base::ErrorCode::corrupt_file, base::display(directory / "model_head.pkl") + ": the head takes embeddings of " +
                                                         std::to_string(stored->features) + " values, the model's have " + std::to_string(embedding_size));
  SentenceHead head{.linear = {}, .normalize = stored->normalize};
  Linear& linear = head.linear;
  linear.in = stored->features;
  linear.out = stored->labels.size();
  linear.f32 = kernels::PackedF32(linear.out, linear.in, compute.kernels);
  linear.f32.set_rows(0, linear.out, stored->weight.data());
  linear.bias = Vector(linear.out);
  std::copy(stored->bias.begin(), stored->bias.end(), linear.bias.data());
  config.head = {};
  config.head.kind = HeadKind::sequence_classifier;
  config.head.outputs = linear.out;
  config.labels = std::move(stored->labels);
  config.score_function = stored->multi_label ? ScoreFunction::sigmoid : ScoreFunction::softmax;
  return head;
}

void run_sentence_head(const Compute& compute, const SentenceHead& head, const float* embeddings, std::size_t rows, float* out) {
  run_linear(compute, head.linear, {.x = embeddings, .y = out, .rows = rows});
}

}  // namespace berth::engine
