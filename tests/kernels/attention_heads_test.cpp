// Heads side by side in one call are what they are alone, bit for bit, on every set and in every kernel.
#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "tests/kernels/kernel_test.hpp"

namespace berth::kernels {
namespace {

struct HeadsShape {
  std::size_t heads;
  std::size_t tokens;
  std::size_t head_size;
};

template <class Element>
using AttentionOf = void (*)(const AttentionArgsOf<Element>&) noexcept;

// qkv [tokens, 3 heads * head_size], readable for kLowRows rows more; out [tokens, heads * head_size] in memory that `out` guards.
template <class Element>
std::vector<Element> run_heads(AttentionOf<Element> kernel, std::size_t scratch_floats, const HeadsShape& shape, std::size_t heads_a_call, std::size_t before,
                               std::size_t behind, const std::vector<Element>& qkv) {
  const std::size_t size = shape.heads * shape.head_size;
  GuardedMemory scratch(scratch_floats * sizeof(float) + 64);
  GuardedMemory out(shape.tokens * size * sizeof(Element));
  auto* const first = out.place<Element>(shape.tokens * size);
  for (std::size_t head = 0; head < shape.heads; head += heads_a_call) {
    AttentionArgsOf<Element> args;
    args.heads = std::min(heads_a_call, shape.heads - head);
    args.q = qkv.data() + head * shape.head_size;
    args.k = args.q + size;
    args.v = args.q + 2 * size;
    args.stride = 3 * size;
    args.out = first + head * shape.head_size;
    args.out_stride = size;
    args.tokens = shape.tokens;
    args.head_size = shape.head_size;
    args.scale = 1.0F / std::sqrt(static_cast<float>(shape.head_size));
    args.before = before;
    args.behind = behind;
    args.scratch = scratch.place<float>(scratch_floats, 64);
    kernel(args);
  }
  EXPECT_TRUE(scratch.intact());
  EXPECT_TRUE(out.intact());
  return {first, first + shape.tokens * size};
}

template <class Element, class ToElement>
void expect_as_alone(AttentionOf<Element> kernel, std::size_t (*scratch)(std::size_t, std::size_t) noexcept, ToElement to_element) {
  for (const std::size_t tokens : {1, 5, 16, 17, 31, 33, 64, 71})
    for (const std::size_t head_size : {32, 24, 64})
      for (const std::size_t heads : {2, 7, 12}) {
        const HeadsShape shape{heads, tokens, head_size};
        Random random(static_cast<unsigned>(tokens * 100 + head_size + heads));
        std::vector<Element> qkv;
        for (const float x : random.normals((tokens + kLowRows) * 3 * heads * head_size, 2.0F)) qkv.push_back(to_element(x));
        constexpr auto kAll = static_cast<std::size_t>(-1);
        for (const auto& [before, behind] : {std::pair{kAll, kAll}, std::pair{std::size_t{9}, std::size_t{9}}, std::pair{kAll, std::size_t{0}}}) {
          const std::vector<Element> alone = run_heads(kernel, scratch(tokens, head_size), shape, 1, before, behind, qkv);
          const std::vector<Element> together = run_heads(kernel, scratch(tokens, head_size), shape, heads, before, behind, qkv);
          ASSERT_EQ(alone, together) << heads << " heads of " << head_size << ", " << tokens << " tokens, " << before << " before and " << behind << " behind";
          ASSERT_TRUE(std::any_of(alone.begin(), alone.end(), [](Element x) { return x != Element{}; }));
        }
      }
}

TEST(AttentionHeads, SideBySideAsAlone) {
  const auto same = [](float x) { return x; };
  for (const TableUnderTest& table : usable_tables()) {
    SCOPED_TRACE(table.name);
    expect_as_alone<float>(table.kernels->attention_f32, table.kernels->attention_f32_scratch, same);
  }
  for (const IsaStatus& status : isa_statuses()) {
    if (!status.usable || low_kernel_table(status.isa).attention_bf16 == nullptr) continue;
    SCOPED_TRACE(name(status.isa));
    const LowKernelTable& low = low_kernel_table(status.isa);
    expect_as_alone<float>(low.attention_bf16, low.attention_bf16_scratch, same);
    expect_as_alone<std::uint16_t>(low.attention_bf16_rows, low.attention_bf16_scratch,
                                   [](float x) { return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x) >> 16); });
  }
}

}  // namespace
}  // namespace berth::kernels
