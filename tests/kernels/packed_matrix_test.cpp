#include "kernels/packed_matrix.hpp"

#include "tests/kernels/kernel_test.hpp"

namespace berth::kernels {
namespace {

class PackedF32Test : public KernelTest {};
BERTH_FOR_EVERY_TABLE(PackedF32Test);

// The layout that kernel_table.hpp describes, element by element, with zeros behind the last output.
TEST_P(PackedF32Test, LaysOutPanelsOfWholeVectors) {
  const std::size_t panel_width = kernels().panel_width;
  const std::size_t lanes = kernels().lanes;
  for (std::size_t n = 1; n <= 2 * panel_width + 1; ++n)
    for (const std::size_t k : {1U, 5U}) {
      std::vector<float> rows(n * k);
      for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(i + 1);
      PackedF32 packed(n, k, kernels());
      // In uneven pieces from the end: their order is free.
      for (std::size_t end = n; end > 0;) {
        const std::size_t count = std::min<std::size_t>(end, 7);
        end -= count;
        packed.set_rows(end, count, rows.data() + end * k);
      }
      const std::size_t width = (n + lanes - 1) / lanes * lanes;
      ASSERT_EQ(packed.bytes(), width * k * sizeof(float));
      ASSERT_EQ(packed.panels(), panel_count(n, panel_width));
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(packed.view().data) % 64, 0U);
      const float* at = packed.view().data;
      for (std::size_t column = 0; column < width; column += panel_width)
        for (std::size_t l = 0; l < k; ++l)
          for (std::size_t j = column; j < std::min(width, column + panel_width); ++j, ++at)
            ASSERT_EQ(*at, j < n ? rows[j * k + l] : 0.0F) << "output " << j << ", step " << l << ", n " << n << ", k " << k;
    }
}

TEST(PackedF32, IsEmptyByDefault) {
  const PackedF32 packed;
  EXPECT_EQ(packed.panels(), 0U);
  EXPECT_EQ(packed.bytes(), 0U);
}

}  // namespace
}  // namespace berth::kernels
