// One attention head of one sequence in FP32: softmax(scale * q k^T) v, a few query rows at a time, so that only [tile rows, tokens] scores exist. With
// a window, only the panels of keys and the rows of values that a tile's queries see are multiplied.
#pragma once

#include <cstddef>

#include "kernels/generic/attention_scores.hpp"
#include "kernels/generic/fetch.hpp"
#include "kernels/generic/gemm_f32.hpp"
#include "kernels/generic/softmax.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
struct AttentionF32 {
  using F32 = typename Isa::F32;
  using Gemm = GemmF32<Isa>;
  using Scores = AttentionScores<Isa>;
  using Keys = typename Scores::Keys;
  static constexpr std::size_t kLanes = Isa::kLanes;
  static constexpr std::size_t kRows = Isa::kTileRows;
  static constexpr std::size_t kPanelWidth = Gemm::kPanelWidth;

  // Where the parts of the scratch memory are, in floats. Every part is a multiple of a vector.
  struct Plan {
    std::size_t keys_width;     // tokens, rounded up to whole vectors
    std::size_t values_width;   // head_size, rounded up to whole vectors
    std::size_t keys;           // k^T packed in panels: [panels, head_size, panel width]
    std::size_t values;         // v packed in panels: [panels, tokens, panel width]
    std::size_t scores;         // [kRows, scores_stride]
    std::size_t scores_stride;  // keys_width and a vector more: a row's last vector may begin anywhere
    std::size_t result;         // [kRows, values_width]
    std::size_t total;
  };
  static Plan plan(std::size_t tokens, std::size_t head_size) noexcept {
    Plan p{};
    p.keys_width = round_up(tokens);
    p.values_width = round_up(head_size);
    p.keys = 0;
    p.values = p.keys + p.keys_width * head_size;
    p.scores = p.values + p.values_width * tokens;
    p.scores_stride = p.keys_width + kLanes;
    p.result = p.scores + kRows * p.scores_stride;
    p.total = p.result + kRows * p.values_width;
    return p;
  }
  static std::size_t scratch(std::size_t tokens, std::size_t head_size) noexcept { return plan(tokens, head_size).total; }

  static void run(const AttentionArgs& args) noexcept {
    for (std::size_t head = 0; head < args.heads; ++head) run_head(Scores::head(args, head));
  }

 private:
  static void run_head(const AttentionArgs& args) noexcept {
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
      const Keys keys_seen = Scores::visible(args, row, rows);
      const std::size_t first_column = keys_seen.begin / kPanelWidth * kPanelWidth;
      multiply({args.q + row * args.stride, args.stride, rows}, {keys, args.head_size, 0, args.head_size}, first_column,
               first_column + round_up(keys_seen.end - first_column), p.keys_width, scores, p.scores_stride);
      float sums[kRows];
      for (std::size_t r = 0; r < rows;) r += numerators(args, row + r, rows - r, keys_seen, scores + r * p.scores_stride, p.scores_stride, sums + r);
      multiply({scores + keys_seen.begin, p.scores_stride, rows}, {values, args.tokens, keys_seen.begin, keys_seen.end - keys_seen.begin}, 0, p.values_width,
               p.values_width, result, p.values_width);
      for (std::size_t r = 0; r < rows; ++r)
        store_row(args.out + (row + r) * args.out_stride, result + r * p.values_width, Isa::set1(1.0F / sums[r]), args.head_size);
      row += rows;
    }
  }

  static std::size_t round_up(std::size_t n) noexcept { return (n + kLanes - 1) / kLanes * kLanes; }

  struct Rows {
    const float* data;
    std::size_t stride;
    std::size_t count;
  };
  // Rows [first, first + k) of a packed matrix that has `stored` of them.
  struct Packed {
    const float* data;
    std::size_t stored;
    std::size_t first;
    std::size_t k;
  };
  // Columns [begin, end) of c [rows, width] = a [rows, k] * b [k, width]. At most kRows rows; begin is a panel's first column, end a multiple of a
  // vector, width that of the packed matrix.
  static void multiply(const Rows& a, const Packed& b, std::size_t begin, std::size_t end, std::size_t width, float* c, std::size_t ldc) noexcept {
    alignas(64) static constexpr float kZeros[kPanelWidth] = {};
    Fetch fetch;  // of nothing
    for (std::size_t column = begin; column < end; column += kPanelWidth) {
      const std::size_t panel = width - column < kPanelWidth ? width - column : kPanelWidth;
      const float* from = b.data + column * b.stored + b.first * panel;
      Gemm::select(a.count, panel / kLanes)({a.data, a.stride, from, b.k, kZeros, c + column, ldc, Gemm::kPrefetch, fetch, nullptr, 0});
    }
  }

  // The softmax's numerators of a group of queries, in place, zero for the tile's other keys, and their sums; returns how many queries they were.
  static std::size_t numerators(const AttentionArgs& args, std::size_t query, std::size_t left, Keys tile, float* scores, std::size_t stride,
                                float* sums) noexcept {
    const typename Scores::Group group = Scores::group(args, query, left);
    float scale = 0.0F;
    for (std::size_t r = 0; r < group.count; ++r) scale = Scores::add_positions(args, query + r, group.keys(r), scores + r * stride);
    const auto run = group.count > 1 ? &Softmax<Isa>::template numerators<Scores::kTogether> : &Softmax<Isa>::template numerators<1>;
    run(scores + group.begin, stride, group.sizes, round_up(group.end() - group.begin), scale, sums);
    for (std::size_t r = 0; r < group.count; ++r) {
      for (std::size_t j = tile.begin; j < group.begin; ++j) scores[r * stride + j] = 0.0F;
      for (std::size_t j = group.end(); j < tile.end; ++j) scores[r * stride + j] = 0.0F;
    }
    return group.count;
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
