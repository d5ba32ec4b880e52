// One attention head of one sequence in FP32: softmax(scale * q k^T) v, a few query rows at a time, so that only [tile rows, tokens] scores exist.
#pragma once

#include <cstddef>

#include "kernels/generic/gemm_f32.hpp"
#include "kernels/generic/softmax.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
struct AttentionF32 {
  using F32 = typename Isa::F32;
  using Gemm = GemmF32<Isa>;
  static constexpr std::size_t kLanes = Isa::kLanes;
  static constexpr std::size_t kRows = Isa::kTileRows;
  static constexpr std::size_t kPanelWidth = Gemm::kPanelWidth;

  // Where the parts of the scratch memory are, in floats. Every part is a multiple of a vector.
  struct Plan {
    std::size_t keys_width;    // tokens, rounded up to whole vectors
    std::size_t values_width;  // head_size, rounded up to whole vectors
    std::size_t keys;          // k^T packed in panels: [panels, head_size, panel width]
    std::size_t values;        // v packed in panels: [panels, tokens, panel width]
    std::size_t scores;        // [kRows, keys_width]
    std::size_t result;        // [kRows, values_width]
    std::size_t total;
  };
  static Plan plan(std::size_t tokens, std::size_t head_size) noexcept {
    Plan p{};
    p.keys_width = round_up(tokens);
    p.values_width = round_up(head_size);
    p.keys = 0;
    p.values = p.keys + p.keys_width * head_size;
    p.scores = p.values + p.values_width * tokens;
    p.result = p.scores + kRows * p.keys_width;
    p.total = p.result + kRows * p.values_width;
    return p;
  }
  static std::size_t scratch(std::size_t tokens, std::size_t head_size) noexcept { return plan(tokens, head_size).total; }

  static void run(const AttentionArgs& args) noexcept {
    const Plan p = plan(args.tokens, args.head_size);
    float* keys = args.scratch + p.keys;
    float* values = args.scratch + p.values;
    float* scores = args.scratch + p.scores;
    float* result = args.scratch + p.result;
    pack_keys(args, keys, p.keys_width);
    pack_values(args, values, p.values_width);
    for (std::size_t row = 0; row < args.tokens;) {
      const std::size_t left = args.tokens - row;
      const std::size_t tiles = (left + kRows - 1) / kRows;
      const std::size_t rows = (left + tiles - 1) / tiles;
      multiply(args.q + row * args.stride, args.stride, rows, keys, args.head_size, p.keys_width, scores);
      F32 inverse[kRows];
      for (std::size_t r = 0; r < rows; ++r) {
        float* row_scores = scores + r * p.keys_width;
        const float sum = Softmax<Isa>::numerators(row_scores, args.tokens, p.keys_width, args.scale,
                                                   [row_scores](std::size_t i, F32 e) { Isa::store(row_scores + i, e); });
        inverse[r] = Isa::set1(1.0F / sum);
      }
      multiply(scores, p.keys_width, rows, values, args.tokens, p.values_width, result);
      for (std::size_t r = 0; r < rows; ++r)
        store_row(args.out + (row + r) * args.out_stride, result + r * p.values_width, inverse[r], args.head_size);
      row += rows;
    }
  }

 private:
  static std::size_t round_up(std::size_t n) noexcept { return (n + kLanes - 1) / kLanes * kLanes; }

  // c [rows, width] = a [rows, k] * packed b [k, width]; rows <= kRows, width a multiple of a vector.
  static void multiply(const float* a, std::size_t lda, std::size_t rows, const float* b, std::size_t k, std::size_t width, float* c) noexcept {
    alignas(64) static constexpr float kZeros[kPanelWidth] = {};
    for (std::size_t column = 0; column < width; column += kPanelWidth) {
      const std::size_t panel = width - column < kPanelWidth ? width - column : kPanelWidth;
      Gemm::select(rows, panel / kLanes)({a, lda, b + column * k, k, kZeros, c + column, width, b, 0});
    }
  }

  // k^T in panels: element (token, d) goes to row d of its token's panel. Tokens above the last are zero.
  static void pack_keys(const AttentionArgs& args, float* keys, std::size_t width) noexcept {
    for (std::size_t column = 0; column < width; column += kPanelWidth) {
      const std::size_t panel = width - column < kPanelWidth ? width - column : kPanelWidth;
      float* to = keys + column * args.head_size;
      for (std::size_t j = 0; j < panel; j += kLanes) pack_key_block(args, column + j, to + j, panel);
    }
  }
  // The keys of kLanes tokens from `token` on, transposed a square at a time.
  static void pack_key_block(const AttentionArgs& args, std::size_t token, float* to, std::size_t to_stride) noexcept {
    const std::size_t valid = args.tokens - token < kLanes ? args.tokens - token : kLanes;
    const float* from = args.k + token * args.stride;
    for (std::size_t d = 0; d < args.head_size; d += kLanes) {
      const std::size_t depth = args.head_size - d < kLanes ? args.head_size - d : kLanes;
      F32 square[kLanes];
      for (std::size_t i = 0; i < kLanes; ++i) {
        const float* row = from + i * args.stride + d;
        square[i] = i >= valid ? Isa::set1(0.0F) : depth == kLanes ? Isa::load(row) : Isa::load_partial(row, depth);
      }
      Isa::transpose(square);
      for (std::size_t i = 0; i < depth; ++i) Isa::store(to + (d + i) * to_stride, square[i]);
    }
  }

  static void pack_values(const AttentionArgs& args, float* values, std::size_t width) noexcept {
    for (std::size_t column = 0; column < width; column += kPanelWidth) {
      const std::size_t panel = width - column < kPanelWidth ? width - column : kPanelWidth;
      float* to = values + column * args.tokens;
      for (std::size_t token = 0; token < args.tokens; ++token, to += panel) {
        const float* from = args.v + token * args.stride + column;
        for (std::size_t j = 0; j < panel; j += kLanes) {
          const std::size_t left = args.head_size - column - j;
          Isa::store(to + j, left >= kLanes ? Isa::load(from + j) : Isa::load_partial(from + j, left));
        }
      }
    }
  }

  static void store_row(float* out, const float* result, F32 factor, std::size_t size) noexcept {
    std::size_t d = 0;
    for (; d + kLanes <= size; d += kLanes) Isa::store(out + d, Isa::mul(Isa::load(result + d), factor));
    if (d < size) Isa::store_partial(out + d, Isa::mul(Isa::load(result + d), factor), size - d);
  }
};

}  // namespace berth::kernels
