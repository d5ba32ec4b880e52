// Attention heads of one sequence with their two products in BF16 and FP32 sums: queries, keys, values and the softmax's numerators are rounded
// to BF16, scores and the softmax itself are FP32. For sets with BF16 products.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/generic/attention_scores.hpp"
#include "kernels/generic/gemm_low.hpp"
#include "kernels/generic/quantize.hpp"
#include "kernels/generic/softmax.hpp"
#include "kernels/isa_concepts.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

template <VectorIsa Isa, class Tile>
struct AttentionBf16 {
  using F32 = typename Isa::F32;
  using Scores = AttentionScores<Isa>;
  using Keys = typename Scores::Keys;
  static constexpr std::size_t kLanes = Isa::kLanes;
  static_assert(kLanes == kLowPanelWidth, "a vector is a row of a panel");
  static constexpr std::size_t kPairs = kLowRowBytes / 2;  // BF16 values in 64 bytes: what k is padded to
  static constexpr std::size_t kRows = (Tile::kRows + kLowRows - 1) / kLowRows * kLowRows;

  // Parts of the scratch memory of a head, in bytes; each begins on a cache line.
  struct Plan {
    std::size_t width;          // tokens, rounded up to whole panels
    std::size_t depth;          // head_size, padded
    std::size_t tokens;         // tokens, padded as the k of the second product
    std::size_t columns;        // head_size, rounded up to whole panels
    std::size_t queries;        // BF16 [tokens up to whole tiles, depth]
    std::size_t keys;           // BF16 panels of 16 tokens: [depth / 2, 16, 2]
    std::size_t values;         // BF16 panels of 16 columns: [tokens / 2, 16, 2]
    std::size_t scores;         // FP32 [rows of a tile, scores_stride]
    std::size_t scores_stride;  // width and a vector more: a row's last vector may begin anywhere
    std::size_t weights;        // BF16 [rows of a tile, tokens]
    std::size_t result;         // FP32 [rows of a tile, columns]
    std::size_t total;
  };
  static Plan plan(std::size_t tokens, std::size_t head_size) noexcept {
    Plan p{};
    p.width = round_up(tokens, kLowPanelWidth);
    p.depth = round_up(head_size, kPairs);
    p.tokens = round_up(tokens, kPairs);
    p.columns = round_up(head_size, kLowPanelWidth);
    const std::size_t rows = p.width < kRows ? p.width : kRows;
    p.queries = 0;
    p.keys = p.queries + round_up(tokens, kLowRows) * p.depth * 2;
    p.values = p.keys + p.width * p.depth * 2;
    p.scores = p.values + p.columns * p.tokens * 2;
    p.scores_stride = p.width + kLanes;
    p.weights = p.scores + rows * p.scores_stride * 4;
    p.result = p.weights + rows * p.tokens * 2;
    p.total = p.result + rows * p.columns * 4;
    return p;
  }
  // In floats, as KernelTable::attention_f32_scratch.
  static std::size_t scratch(std::size_t tokens, std::size_t head_size) noexcept {
    const std::size_t total = plan(tokens, head_size).total;
    return (total < kSmall ? kSmall : total) / sizeof(float);
  }

  // Of FP32 queries, keys and values, or of BF16 ones, which need no rounding; the result is of the same type.
  template <class Element>
  static void run(const AttentionArgsOf<Element>& args) noexcept {
    const Plan p = plan(args.tokens, args.head_size);
    const std::size_t fit = kSmall / p.total;
    const std::size_t together = fit < 1 ? 1 : fit < kMostHeads ? fit : kMostHeads;
    [[maybe_unused]] const typename Tile::Scope scope;
    for (std::size_t head = 0; head < args.heads; head += together)
      run_heads(Scores::head(args, head), args.heads - head < together ? args.heads - head : together, p);
  }

 private:
  // Heads of few tokens go together, stage by stage: what a head's next stage waits for, the results of tiles above all, comes while others are at work.
  static constexpr std::size_t kSmall = 32 * 1024;  // of scratch memory, for all that go together
  static constexpr std::size_t kMostHeads = 8;

  // What a head's stages hand on.
  struct Head {
    const std::uint16_t* queries;
    std::size_t query_stride;
    std::uint16_t* keys;
    std::uint16_t* values;
    float* scores;
    std::uint16_t* weights;
    float* result;
    bool bounded;
    float sums[kRows];  // of the numerators
  };

  template <class Element>
  static void run_heads(const AttentionArgsOf<Element>& args, std::size_t count, const Plan& p) noexcept {
    Head heads[kMostHeads];
    for (std::size_t h = 0; h < count; ++h) prepare(Scores::head(args, h), reinterpret_cast<std::byte*>(args.scratch) + h * p.total, p, heads[h]);
    // Products of one head after the other: no more of them is written than differs, since a copy would wait for what has just been written.
    GemmBf16Args first;
    first.lda = heads[0].query_stride;
    first.b = {nullptr, args.tokens, args.head_size, p.depth};
    GemmBf16Args second;
    second.lda = p.tokens;
    second.b = {nullptr, args.head_size, args.tokens, p.tokens};
    for (std::size_t row = 0; row < args.tokens;) {
      const std::size_t rows = Tile::rows(args.tokens - row);
      const Keys keys_seen = Scores::visible(args, row, rows);
      const Keys summed{.begin = keys_seen.begin / kPairs * kPairs, .end = round_up(keys_seen.end, kPairs)};
      for (std::size_t h = 0; h < count; ++h) {
        Head& head = heads[h];
        first.a = head.queries + row * first.lda;
        first.b.data = head.keys;
        if (head.bounded) {
          bounded_numerators(args, first, row, rows, p, head.weights, head.sums);
        } else {
          multiply(first, rows, keys_seen.begin / kLowPanelWidth, round_up(keys_seen.end, kLowPanelWidth) / kLowPanelWidth, head.scores, p.scores_stride);
        }
      }
      for (std::size_t h = 0; h < count; ++h) {
        Head& head = heads[h];
        if (head.bounded) continue;
        for (std::size_t r = 0; r < rows;)
          r += numerators(args, row + r, rows - r, summed, head.scores + r * p.scores_stride, p, head.weights + r * p.tokens, head.sums + r);
      }
      for (std::size_t h = 0; h < count; ++h) {
        second.b.data = heads[h].values;
        weigh(second, rows, heads[h].weights, summed, p, heads[h].result);
      }
      for (std::size_t h = 0; h < count; ++h)
        for (std::size_t r = 0; r < rows; ++r)
          store_row(args.out + (row + r) * args.out_stride + h * args.head_size, heads[h].result + r * p.columns, Isa::set1(1.0F / heads[h].sums[r]),
                    args.head_size);
      row += rows;
    }
  }

  // Packs a head's keys and values, and its queries where tiles cannot read them as they are.
  template <class Element>
  static void prepare(const AttentionArgsOf<Element>& args, std::byte* scratch, const Plan& p, Head& head) noexcept {
    auto* queries = reinterpret_cast<std::uint16_t*>(scratch + p.queries);
    head.keys = reinterpret_cast<std::uint16_t*>(scratch + p.keys);
    head.values = reinterpret_cast<std::uint16_t*>(scratch + p.values);
    head.scores = reinterpret_cast<float*>(scratch + p.scores);
    head.weights = reinterpret_cast<std::uint16_t*>(scratch + p.weights);
    head.result = reinterpret_cast<float*>(scratch + p.result);
    // BF16 queries of whole cache lines are multiplied where they are.
    const bool in_place = std::is_same_v<Element, std::uint16_t> && args.head_size == p.depth;
    if (!in_place) to_bf16(args.q, args.stride, args.tokens, args.head_size, queries, p.depth);
    head.queries = queries;
    if constexpr (std::is_same_v<Element, std::uint16_t>) head.queries = in_place ? args.q : queries;
    head.query_stride = in_place ? args.stride : p.depth;
    pack_keys(args, head.keys, p);
    pack_values(args, head.values, p);
    head.bounded = are_bounded(args, head.queries, head.query_stride, head.keys, p);
  }

  static std::size_t round_up(std::size_t n, std::size_t multiple) noexcept { return (n + multiple - 1) / multiple * multiple; }

  // Panels [begin, end) of a product, each at its place in `out`.
  static void multiply(const GemmBf16Args& args, std::size_t rows, std::size_t begin, std::size_t end, float* out, std::size_t ldo) noexcept {
    NoMeanwhile meanwhile;
    const std::size_t most = Tile::panels(rows);
    for (std::size_t panel = begin; panel < end; panel += most)
      Tile::run(args, 0, rows, panel, end - panel < most ? end - panel : most, out + panel * kLowPanelWidth, ldo, meanwhile);
  }

  // Whether no exponent of a head, to the base of 2, is beyond kBound: |q k| <= |q| |k|. Then e^score neither overflows nor loses its smallest parts, and
  // the softmax needs no maximum: it can follow the products block by block. False for what is not a number, and where something else is added to scores
  // or not every query sees all keys before it. A matter of the head's own values alone, so that results stay independent of the batch.
  static constexpr float kBound = 60.0F;         // 2^60 times as many keys as there may be, and 2^-60, are far from the ends of FP32
  static constexpr std::size_t kFewTokens = 17;  // below, lengths cost as much as maxima
  static bool are_bounded(const AttentionShape& args, const std::uint16_t* queries, std::size_t stride, const std::uint16_t* keys, const Plan& p) noexcept {
    if (args.relative_bias != nullptr || args.position_index != nullptr || args.before < args.tokens || args.tokens < kFewTokens) return false;
    // Squared lengths of sixteen keys at once: their pairs lie side by side in a panel.
    F32 longest_key = Isa::set1(0.0F);
    bool numbers = true;
    const auto add = [&](F32 lengths, F32& longest) {
      longest = Isa::max(longest, lengths);
      numbers = numbers && Isa::reduce_add(Isa::sub(lengths, lengths)) == 0.0F;  // max may drop a NaN
    };
    for (std::size_t token = 0; token < p.width; token += kLowPanelWidth) {
      F32 lengths = Isa::set1(0.0F);
      for (std::size_t pair = 0; pair < p.depth; pair += 2) {
        const auto values = Isa::bf16_weights(keys + token * p.depth + pair * kLowPanelWidth);
        lengths = Isa::bf16_step(lengths, values, values);
      }
      add(lengths, longest_key);
    }
    F32 longest_query = Isa::set1(0.0F);
    for (std::size_t token = 0; token < args.tokens; token += kLanes) {
      F32 sums[kLanes];
      for (std::size_t i = 0; i < kLanes; ++i) {
        sums[i] = Isa::set1(0.0F);
        if (token + i >= args.tokens) continue;
        for (std::size_t d = 0; d < p.depth; d += kPairs) {
          const auto values = Isa::bf16_weights(queries + (token + i) * stride + d);
          sums[i] = Isa::bf16_step(sums[i], values, values);
        }
      }
      Isa::transpose(sums);
      for (std::size_t half = kLanes / 2; half > 0; half /= 2)
        for (std::size_t i = 0; i < half; ++i) sums[i] = Isa::add(sums[i], sums[i + half]);
      add(sums[0], longest_query);
    }
    const float exponent = args.scale * 1.44269504F;
    return numbers && Isa::reduce_max(longest_query) * Isa::reduce_max(longest_key) * exponent * exponent <= kBound * kBound;
  }

  // w = e^(scale q k) in BF16 for the keys that bounded queries [query, query + rows) see, zeros up to whole cache lines of them; sums = theirs. While the
  // tiles multiply one block of keys, the vector units make numerators of the block before.
  static void bounded_numerators(const AttentionShape& shape, GemmBf16Args& args, std::size_t query, std::size_t rows, const Plan& p, std::uint16_t* w,
                                 float* sums) noexcept {
    constexpr std::size_t kMostPanels = 4;
    constexpr std::size_t kBlock = kMostPanels * kLowPanelWidth;
    alignas(64) float blocks[2][kRows * kBlock];
    // One tile's worth of panels, so that little waits for the other; whole cache lines of weights.
    const std::size_t step = (Tile::panels(rows) == 2 ? 2 : kMostPanels) * kLowPanelWidth;
    const std::size_t size = Scores::visible(shape, query, rows).end;
    const std::size_t all_see = Scores::visible(shape, query, 1).end;
    const std::size_t all_panels = round_up(size, kLowPanelWidth) / kLowPanelWidth;
    const std::size_t end = round_up(size, kPairs);
    const F32 factor = Isa::set1(shape.scale * 1.44269504F);
    F32 sum[kRows];
    for (std::size_t r = 0; r < rows; ++r) sum[r] = Isa::set1(0.0F);
    const auto columns_of = [&](std::size_t begin) { return end - begin < step ? end - begin : step; };
    const auto exponentials = [&](std::size_t begin) {
      const float* x = blocks[begin / step % 2];
      const std::size_t columns = columns_of(begin);
      std::size_t r = 0;
      for (; r + Scores::kTogether <= rows; r += Scores::kTogether)
        Softmax<Isa>::template bounded_low<Scores::kTogether>(x + r * kBlock, kBlock, columns, factor, w + r * p.tokens + begin, p.tokens, sum + r);
      for (; r < rows; ++r) Softmax<Isa>::template bounded_low<1>(x + r * kBlock, kBlock, columns, factor, w + r * p.tokens + begin, p.tokens, sum + r);
    };
    const std::uint16_t* const keys = args.b.data;
    for (std::size_t begin = 0; begin < end; begin += step) {
      const std::size_t panel = begin / kLowPanelWidth;
      const std::size_t left = all_panels - panel;
      float* x = blocks[begin / step % 2];
      args.b.data = keys + begin * p.depth;
      multiply(args, rows, 0, left < step / kLowPanelWidth ? left : step / kLowPanelWidth, x, kBlock);
      if (begin > 0) exponentials(begin - step);
      if (begin + step > all_see) hide(x, kBlock, rows, columns_of(begin), begin, all_see, size);
    }
    exponentials((end - 1) / step * step);
    for (std::size_t r = 0; r < rows; ++r) sums[r] = Isa::reduce_add(sum[r]);
  }

  // Minus infinity in place of the scores of keys that a query does not see, in a block [rows, columns] of the keys from `begin` on. The first query sees
  // `seen` keys, each other one more than the one before, and none more than `most`.
  static void hide(float* x, std::size_t ldx, std::size_t rows, std::size_t columns, std::size_t begin, std::size_t seen, std::size_t most) noexcept {
    const F32 lowest = Isa::set1(-__builtin_inff());
    for (std::size_t r = 0; r < rows; ++r, x += ldx, seen += seen < most ? 1 : 0) {
      std::size_t i = seen > begin ? seen - begin : 0;
      for (; i + kLanes <= columns; i += kLanes) Isa::store(x + i, lowest);
      if (i < columns) Isa::store_partial(x + i, lowest, columns - i);
    }
  }

  // result = the weights of the keys [summed.begin, summed.end), whole cache lines of them, times those keys' values.
  static void weigh(GemmBf16Args& args, std::size_t rows, const std::uint16_t* weights, Keys summed, const Plan& p, float* result) noexcept {
    args.a = weights + summed.begin;
    if (summed.end - summed.begin == p.tokens) {
      multiply(args, rows, 0, p.columns / kLowPanelWidth, result, p.columns);
      return;
    }
    // A part of every panel: they are no longer one behind the other, so each is a matrix of its own.
    const std::uint16_t* values = args.b.data + summed.begin * kLowPanelWidth;
    args.b.k_padded = summed.end - summed.begin;
    NoMeanwhile meanwhile;
    for (std::size_t column = 0; column < p.columns; column += kLowPanelWidth) {
      args.b.data = values + column * p.tokens;
      Tile::run(args, 0, rows, 0, 1, result + column, p.columns, meanwhile);
    }
    args.b.k_padded = p.tokens;
  }

  // w[summed] = the softmax's numerators of a group of queries in BF16, zeros where one sees no key; sums = those of the unrounded numbers. Returns how many
  // queries they were.
  static std::size_t numerators(const AttentionShape& args, std::size_t query, std::size_t left, Keys summed, float* scores, const Plan& p, std::uint16_t* w,
                                float* sums) noexcept {
    const typename Scores::Group group = Scores::group(args, query, left);
    // Scores and weights have room for so many from their row's beginning.
    const std::size_t padded = round_up(group.end() - group.begin, group.begin == 0 ? kPairs : kLanes);
    float scale = 0.0F;
    for (std::size_t r = 0; r < group.count; ++r) scale = Scores::add_positions(args, query + r, group.keys(r), scores + r * p.scores_stride);
    const auto run = group.count > 1 ? &Softmax<Isa>::template numerators_low<Scores::kTogether> : &Softmax<Isa>::template numerators_low<1>;
    run(scores + group.begin, p.scores_stride, group.sizes, padded, scale, w + group.begin, p.tokens, sums);
    for (std::size_t r = 0; r < group.count; ++r) {
      for (std::size_t j = summed.begin; j < group.begin; ++j) w[r * p.tokens + j] = 0;
      for (std::size_t j = group.end(); j < summed.end; ++j) w[r * p.tokens + j] = 0;
    }
    return group.count;
  }

  // A pair of BF16 is 32 bits: sixteen tokens' pairs are transposed as a square of floats is, without looking at them.
  template <class Element>
  static void pack_keys(const AttentionArgsOf<Element>& args, std::uint16_t* keys, const Plan& p) noexcept {
    constexpr std::size_t kMostDepth = 256;
    alignas(64) std::uint16_t rows[kLowPanelWidth * kMostDepth];
    for (std::size_t token = 0; token < p.width; token += kLowPanelWidth) {
      const std::size_t valid = args.tokens - token < kLowPanelWidth ? args.tokens - token : kLowPanelWidth;
      for (std::size_t d = 0; d < p.depth; d += kMostDepth) {
        const std::size_t depth = p.depth - d < kMostDepth ? p.depth - d : kMostDepth;
        const std::size_t size = args.head_size - d < depth ? args.head_size - d : depth;
        const std::uint16_t* from = rows;
        std::size_t stride = depth;
        if (std::is_same_v<Element, std::uint16_t> && size == depth) {  // BF16 keys of whole cache lines are read where they are
          from = reinterpret_cast<const std::uint16_t*>(args.k + token * args.stride + d);
          stride = args.stride;
        } else {
          to_bf16(args.k + token * args.stride + d, args.stride, valid, size, rows, depth);
        }
        std::uint16_t* to = keys + token * p.depth + d * kLowPanelWidth;
        for (std::size_t pair = 0; pair < depth; pair += 2 * kLanes, to += 2 * kLanes * kLowPanelWidth) {
          F32 square[kLanes];
          for (std::size_t i = 0; i < kLanes; ++i) square[i] = i < valid ? Isa::load_f32_bytes(from + i * stride + pair) : Isa::set1(0.0F);
          Isa::transpose(square);
          for (std::size_t i = 0; i < kLanes; ++i) Isa::store(reinterpret_cast<float*>(to + i * 2 * kLowPanelWidth), square[i]);
        }
      }
    }
  }

  static void pack_values(const AttentionArgs& args, std::uint16_t* values, const Plan& p) noexcept {
    const F32 zero = Isa::set1(0.0F);
    for (std::size_t column = 0; column < p.columns; column += kLowPanelWidth) {
      const std::size_t valid = args.head_size - column < kLanes ? args.head_size - column : kLanes;
      std::uint16_t* to = values + column * p.tokens;
      const auto token = [&](std::size_t t) {
        const float* from = args.v + t * args.stride + column;
        return t >= args.tokens ? zero : valid == kLanes ? Isa::load(from) : Isa::load_partial(from, valid);
      };
      for (std::size_t t = 0; t < p.tokens; t += 2, to += 2 * kLowPanelWidth) Isa::store_bf16_pairs(to, token(t), token(t + 1));
    }
  }

  static void pack_values(const AttentionArgsOf<std::uint16_t>& args, std::uint16_t* values, const Plan& p) noexcept {
    for (std::size_t column = 0; column < p.columns; column += kLowPanelWidth) {
      const std::size_t valid = args.head_size - column < kLanes ? args.head_size - column : kLanes;
      std::uint16_t* to = values + column * p.tokens;
      alignas(64) static constexpr std::uint16_t kZeros[kLanes] = {};
      alignas(64) std::uint16_t rows[2][kLanes];
      const auto token = [&](std::size_t t) -> const std::uint16_t* {
        if (t >= args.tokens) return kZeros;
        const std::uint16_t* from = args.v + t * args.stride + column;
        if (valid == kLanes) return from;
        std::uint16_t* copy = rows[t % 2];
        for (std::size_t i = 0; i < kLanes; ++i) copy[i] = i < valid ? from[i] : std::uint16_t{0};
        return copy;
      };
      for (std::size_t t = 0; t < p.tokens; t += 2, to += 2 * kLowPanelWidth) Isa::interleave_bf16(to, token(t), token(t + 1));
    }
  }

  // [rows, padded] with zeros from `size` on.
  static void to_bf16(const float* x, std::size_t stride, std::size_t rows, std::size_t size, std::uint16_t* out, std::size_t padded) noexcept {
    Quantize<Isa>::rows_to_bf16(x, stride, rows, size, out, padded);
  }
  static void to_bf16(const std::uint16_t* x, std::size_t stride, std::size_t rows, std::size_t size, std::uint16_t* out, std::size_t padded) noexcept {
    for (std::size_t r = 0; r < rows; ++r, x += stride, out += padded) {
      __builtin_memcpy(out, x, size * sizeof(*x));
      for (std::size_t i = size; i < padded; ++i) out[i] = 0;
    }
  }

  static void store_row(std::uint16_t* out, const float* result, F32 factor, std::size_t size) noexcept {
    std::size_t d = 0;
    for (; d + 2 * kLanes <= size; d += 2 * kLanes)
      Isa::store_bf16(out + d, Isa::mul(Isa::load(result + d), factor), Isa::mul(Isa::load(result + d + kLanes), factor));
    for (; d < size; d += kLanes) {
      alignas(64) std::uint16_t lanes[kLanes];
      Isa::store_bf16(lanes, Isa::mul(Isa::load(result + d), factor));
      const std::size_t left = size - d < kLanes ? size - d : kLanes;
      for (std::size_t i = 0; i < left; ++i) out[d + i] = lanes[i];
    }
  }
  static void store_row(float* out, const float* result, F32 factor, std::size_t size) noexcept {
    std::size_t d = 0;
    for (; d + kLanes <= size; d += kLanes) Isa::store(out + d, Isa::mul(Isa::load(result + d), factor));
    if (d < size) Isa::store_partial(out + d, Isa::mul(Isa::load(result + d), factor), size - d);
  }
};

}  // namespace berth::kernels
