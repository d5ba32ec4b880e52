// What stands between the products of queries with keys and the softmax: which keys a query sees, and what relative positions add.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/isa_concepts.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

template <VectorIsa Isa>
struct AttentionScores {
  using F32 = typename Isa::F32;
  static constexpr std::size_t kLanes = Isa::kLanes;

  struct Keys {
    std::size_t begin;
    std::size_t end;
  };

  // Of heads side by side the one so many further on.
  template <class Element>
  [[gnu::always_inline]] static AttentionArgsOf<Element> head(AttentionArgsOf<Element> args, std::size_t i) noexcept {
    args.q += i * args.head_size;
    args.k += i * args.head_size;
    args.v += i * args.head_size;
    args.out += i * args.head_size;
    return args;
  }

  // The keys that one of the queries [first, first + count) sees.
  static Keys visible(const AttentionShape& args, std::size_t first, std::size_t count) noexcept {
    const std::size_t last = first + count - 1;
    const std::size_t end = args.tokens - 1 - last > args.behind ? last + args.behind + 1 : args.tokens;
    return {.begin = first > args.before ? first - args.before : 0, .end = end < args.keys ? end : args.keys};
  }

  // Queries that go through the softmax in step: kTogether that see all keys up to some one, or one.
  static constexpr std::size_t kTogether = 4;
  struct Group {
    std::size_t count;
    std::size_t begin;             // of every query's keys
    std::size_t sizes[kTogether];  // how many keys each sees: one more than the one before, or as many
    Keys keys(std::size_t i) const noexcept { return {.begin = begin, .end = begin + sizes[i]}; }
    std::size_t end() const noexcept { return begin + sizes[count - 1]; }
  };
  // Those from `query` on, of `left`.
  static Group group(const AttentionShape& args, std::size_t query, std::size_t left) noexcept {
    const Keys own = visible(args, query, 1);
    Group result{.count = 1, .begin = own.begin, .sizes = {own.end - own.begin}};
    if (left < kTogether) return result;
    const Keys last = visible(args, query + kTogether - 1, 1);
    if (last.begin > 0) return result;
    result.count = kTogether;
    for (std::size_t i = 1; i < kTogether; ++i) result.sizes[i] = own.end + i < last.end ? own.end + i : last.end;
    return result;
  }

  // x[j], for the visible keys j of a query, is their product. Adds what positions add, and returns the factor that is still to be applied.
  static float add_positions(const AttentionShape& args, std::size_t query, Keys keys, float* x) noexcept {
    if (args.relative_bias != nullptr) {
      add_bias(args.relative_bias + keys.begin - query, args.scale, keys.end - keys.begin, x + keys.begin);
      return 1.0F;
    }
    if (args.position_index != nullptr) add_disentangled(args, query, keys, x);
    return args.scale;
  }

 private:
  static void add_bias(const float* bias, float scale, std::size_t size, float* x) noexcept {
    const F32 factor = Isa::set1(scale);
    std::size_t i = 0;
    for (; i + kLanes <= size; i += kLanes) Isa::store(x + i, Isa::fma(Isa::load(x + i), factor, Isa::load(bias + i)));
    if (i == size) return;
    Isa::store_partial(x + i, Isa::fma(Isa::load_partial(x + i, size - i), factor, Isa::load_partial(bias + i, size - i)), size - i);
  }

  static void add_disentangled(const AttentionShape& args, std::size_t query, Keys keys, float* x) noexcept {
    const std::int32_t* index = args.position_index + keys.begin - query;
    const float* of_query = args.query_positions == nullptr ? nullptr : args.query_positions + query * args.position_stride;
    const float* of_keys = args.key_positions == nullptr ? nullptr : args.key_positions + keys.begin * args.position_stride;
    float* to = x + keys.begin;
    const std::size_t size = keys.end - keys.begin;
    if (of_query != nullptr)
      for (std::size_t j = 0; j < size; ++j) to[j] += of_query[index[j]];
    if (of_keys != nullptr)
      for (std::size_t j = 0; j < size; ++j, of_keys += args.position_stride) to[j] += of_keys[index[j]];
  }
};

}  // namespace berth::kernels
