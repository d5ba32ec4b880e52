#include "engine/splade.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.hpp"
#include "engine/heads.hpp"
#include "engine/inputs.hpp"
#include "engine/linear.hpp"

namespace berth::engine {

namespace {

constexpr std::size_t kStretch = 256;                      // entries of the vocabulary, about: packed, they stay in the second cache
constexpr std::size_t kReadRows = 16;                      // of the decoder at a time
constexpr std::size_t kTileTokens = 48;                    // whose logits exist at a time
constexpr std::size_t kMostFolded = std::size_t{8} << 20;  // values of a group of rows

float log1p_relu(float x, bool twice) {
  const float once = x > 0.0F ? std::log1p(x) : x <= 0.0F ? 0.0F : x;  // NaN stays
  return twice ? std::log1p(once) : once;
}

// The decoder over the vocabulary, a stretch at a time.
class VocabularyFold {
 public:
  VocabularyFold(const Compute& compute, const ModelWeights& weights, const loaders::SpladeSpec& spec, std::size_t size, VocabularyScratch& scratch)
      : kernels_(compute.kernels),
        pool_(compute.pool),
        weights_(weights),
        spec_(spec),
        size_(size),
        vocabulary_(weights.decoder.rows),
        stretch_((kStretch + kernels_.panel_width - 1) / kernels_.panel_width * kernels_.panel_width),
        slot_floats_(stretch_ + kReadRows * size + kTileTokens * stretch_),
        scratch_(scratch) {
    const auto threads = static_cast<std::size_t>(pool_.threads());
    if (scratch.packed.size() != threads || scratch.packed.front().k() != size) {
      scratch.packed.clear();
      for (std::size_t i = 0; i < threads; ++i) scratch.packed.emplace_back(stretch_, size, kernels_);
    }
    scratch.rows.resize(threads * slot_floats_);
  }

  // folded [rows, vocabulary] for the rows of `batch` from `first` on, whose tokens' vectors [tokens, size] are in x.
  void run(const RaggedBatch& batch, std::size_t first, std::size_t rows, const float* x, float* folded) const noexcept {
    const std::size_t stretches = (vocabulary_ + stretch_ - 1) / stretch_;
    pool_.parallel_for(stretches, [&](std::size_t i, std::size_t slot) noexcept {
      const std::size_t begin = i * stretch_;
      const std::size_t count = std::min(stretch_, vocabulary_ - begin);
      pack(slot, begin, count);
      for (std::size_t row = 0; row < rows; ++row) {
        float* to = folded + row * vocabulary_ + begin;
        std::fill_n(to, count, 0.0F);
      }
      fold_tokens(slot, batch, first, rows, x, begin, count, folded);
    });
  }

 private:
  float* bias(std::size_t slot) const noexcept { return scratch_.rows.data() + slot * slot_floats_; }

  void pack(std::size_t slot, std::size_t begin, std::size_t count) const noexcept {
    float* read = bias(slot) + stretch_;
    kernels::PackedF32& packed = scratch_.packed[slot];
    for (std::size_t v = 0; v < stretch_; v += kReadRows) {
      const std::size_t rows = std::min(kReadRows, stretch_ - v);
      for (std::size_t i = 0; i < rows; ++i) {
        float* to = read + i * size_;
        if (v + i < count) {
          kernels_.load_row(to, weights_.decoder.row(begin + v + i), weights_.decoder.type, size_);
        } else {
          std::fill_n(to, size_, 0.0F);
        }
      }
      packed.set_rows(v, rows, read);
    }
    std::fill_n(bias(slot), stretch_, 0.0F);
    if (weights_.decoder_bias.size() > 0) std::copy_n(weights_.decoder_bias.data() + begin, count, bias(slot));
  }

  void fold_tokens(std::size_t slot, const RaggedBatch& batch, std::size_t first, std::size_t rows, const float* x, std::size_t begin, std::size_t count,
                   float* folded) const noexcept {
    float* logits = bias(slot) + stretch_ + kReadRows * size_;
    const std::size_t end_token = batch.cumulative_lengths[first + rows];
    std::size_t row = first;
    for (std::size_t token = batch.cumulative_lengths[first]; token < end_token; token += kTileTokens) {
      const std::size_t tokens = std::min(kTileTokens, end_token - token);
      kernels::GemmF32Args gemm;
      gemm.a = x + token * size_;
      gemm.lda = size_;
      gemm.b = scratch_.packed[slot].view();
      gemm.panel_end = (count + kernels_.panel_width - 1) / kernels_.panel_width;
      gemm.bias = bias(slot);
      gemm.c = logits;
      gemm.ldc = stretch_;
      gemm.rows = tokens;
      kernels_.gemm_f32(gemm);
      for (std::size_t t = 0; t < tokens; ++t) {
        while (token + t >= batch.cumulative_lengths[row + 1]) ++row;
        fold(logits + t * stretch_, count, folded + (row - first) * vocabulary_ + begin);
      }
    }
  }

  void fold(float* logits, std::size_t count, float* to) const noexcept {
    if (!spec_.sum) return kernels_.max_into(to, logits, count);  // log1p keeps the order: it may wait
    for (std::size_t v = 0; v < count; ++v) to[v] += log1p_relu(logits[v], spec_.twice);
  }

  const kernels::KernelTable& kernels_;
  const base::ThreadPool& pool_;
  const ModelWeights& weights_;
  const loaders::SpladeSpec& spec_;
  std::size_t size_;
  std::size_t vocabulary_;
  std::size_t stretch_;
  std::size_t slot_floats_;
  VocabularyScratch& scratch_;
};

}  // namespace

void SparseVectors::end_row(std::size_t most) {
  const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first.back());
  if (most > 0 && values.size() - first.back() > most) {
    const auto end = begin + static_cast<std::ptrdiff_t>(most);
    std::nth_element(begin, end, values.end(), [](const berth_sparse_value& a, const berth_sparse_value& b) {
      const float size_a = std::abs(a.value), size_b = std::abs(b.value);
      return size_a != size_b ? size_a > size_b : a.index < b.index;
    });
    values.erase(end, values.end());
    std::sort(begin, values.end(), [](const berth_sparse_value& a, const berth_sparse_value& b) { return a.index < b.index; });
  }
  first.push_back(values.size());
}

void run_splade(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, const loaders::SpladeSpec& spec, std::size_t most,
                std::size_t first_input, Workspace& workspace, SparseVectors& out) {
  VocabularyScratch& scratch = workspace.vocabulary;
  const RaggedBatch& batch = workspace.batch;
  const std::size_t vocabulary = weights.decoder.rows;
  const std::size_t size = run_masked_steps(compute, config, weights, workspace);
  const VocabularyFold fold(compute, weights, spec, size, scratch);
  const std::size_t group = std::max<std::size_t>(1, kMostFolded / vocabulary);
  for (std::size_t first = 0; first < batch.rows(); first += group) {
    const std::size_t rows = std::min(group, batch.rows() - first);
    scratch.folded.resize(std::max(scratch.folded.size(), rows * vocabulary));
    fold.run(batch, first, rows, workspace.pooled.data(), scratch.folded.data());
    for (std::size_t row = 0; row < rows; ++row) {
      const float* folded = scratch.folded.data() + row * vocabulary;
      for (std::size_t v = 0; v < vocabulary; ++v) {
        if (folded[v] == 0.0F) continue;
        if (!std::isfinite(folded[v]))
          throw base::Error(base::ErrorCode::non_finite, input_name(first_input + first + row) + ": the model's result is NaN or infinite");
        out.values.push_back({static_cast<std::uint32_t>(v), spec.sum ? folded[v] : log1p_relu(folded[v], spec.twice)});
      }
      out.end_row(most);
    }
  }
}

}  // namespace berth::engine
