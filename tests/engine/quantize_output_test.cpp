// Embeddings in fewer bits against numpy, and what is refused.
#include "engine/quantize_output.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.hpp"
#include "tests/support/expect_error.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;

std::vector<float> floats(const base::Json& rows) {
  std::vector<float> values;
  for (const base::Json& row : rows)
    for (const base::Json& value : row) values.push_back(value.get<float>());
  return values;
}

TEST(QuantizeOutput, AsNumpyDoes) {
  const base::Json cases = base::read_json_file(std::string(BERTH_SOURCE_DIR) + "/tests/engine/vectors/quantized.json");
  ASSERT_GE(cases.size(), 5U);
  for (const base::Json& one : cases) {
    const std::vector<float> calibration = floats(one["calibration"]);
    const std::vector<float> x = floats(one["embeddings"]);
    const std::size_t rows = one["embeddings"].size();
    const std::size_t dimensions = x.size() / rows;
    // In two steps, as a caller with many texts does.
    std::vector<float> ranges(2 * dimensions);
    engine::find_ranges(calibration.data(), 1, dimensions, false, ranges.data());
    engine::find_ranges(calibration.data() + dimensions, calibration.size() / dimensions - 1, dimensions, true, ranges.data());
    EXPECT_EQ(ranges, floats(one["ranges"]));
    for (const auto& [name, type] : {std::pair{"uint8", BERTH_UINT8}, {"int8", BERTH_INT8}, {"ubinary", BERTH_UBINARY}, {"binary", BERTH_BINARY}}) {
      const std::size_t size = engine::quantized_size(type, dimensions).value();
      std::vector<std::uint8_t> out(rows * size + 1, 0xa5);
      engine::quantize_embeddings(x.data(), rows, dimensions, type, ranges.data(), out.data());
      EXPECT_EQ(out.back(), 0xa5);
      std::size_t at = 0;
      for (const base::Json& row : one[name]) {
        ASSERT_EQ(row.size(), size) << name;
        for (const base::Json& value : row) EXPECT_EQ(out[at++], static_cast<std::uint8_t>(value.get<int>())) << name << " " << at;
      }
    }
  }
}

TEST(QuantizeOutput, SizesAndFloats) {
  EXPECT_EQ(engine::quantized_size(BERTH_FLOAT32, 3), 12U);
  EXPECT_EQ(engine::quantized_size(BERTH_INT8, 3), 3U);
  EXPECT_EQ(engine::quantized_size(BERTH_BINARY, 8), 1U);
  EXPECT_EQ(engine::quantized_size(BERTH_UBINARY, 9), 2U);
  EXPECT_FALSE(engine::quantized_size(static_cast<berth_output_type>(7), 9));
  EXPECT_EQ(berth_quantized_size(static_cast<berth_output_type>(7), 9), 0U);
  const std::vector<float> x = {1.5F, -2.0F};
  std::vector<float> out(2);
  engine::quantize_embeddings(x.data(), 1, 2, BERTH_FLOAT32, nullptr, out.data());
  EXPECT_EQ(out, x);
}

TEST(QuantizeOutput, WhatIsRefused) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {1.0F, 2.0F, 3.0F, kInfinity};
  std::vector<std::uint8_t> out(4);
  const auto quantize = [&](std::size_t rows, const std::vector<float>& ranges) {
    engine::quantize_embeddings(x.data(), rows, 2, BERTH_INT8, ranges.empty() ? nullptr : ranges.data(), out.data());
  };
  expect_error(ErrorCode::invalid_argument, {"calibrate-ranges"}, [&] { quantize(1, {}); });
  expect_error(ErrorCode::invalid_argument, {"dimension 1", "2", "1"}, [&] { quantize(1, {0, 2, 1, 1}); });
  expect_error(ErrorCode::invalid_argument, {"dimension 0", "inf"}, [&] { quantize(1, {0, 0, kInfinity, 1}); });
  expect_error(ErrorCode::invalid_argument, {"dimension 0"}, [&] { quantize(1, {-3e38F, 0, 3e38F, 1}); });
  expect_error(ErrorCode::non_finite, {"embedding 1", "value 1"}, [&] { quantize(2, {0, 0, 1, 1}); });
  std::vector<float> ranges(4);
  expect_error(ErrorCode::non_finite, {"embedding 1"}, [&] { engine::find_ranges(x.data(), 2, 2, false, ranges.data()); });
  expect_error(ErrorCode::invalid_argument, {"no embeddings"}, [&] { engine::find_ranges(x.data(), 0, 2, false, ranges.data()); });
  EXPECT_EQ(berth_quantize(x.data(), 1, 2, static_cast<berth_output_type>(7), nullptr, out.data()), BERTH_INVALID_ARGUMENT);
  EXPECT_EQ(berth_quantize(nullptr, 1, 2, BERTH_BINARY, nullptr, out.data()), BERTH_INVALID_ARGUMENT);
  EXPECT_EQ(berth_find_ranges(x.data(), 1, 2, 0, nullptr), BERTH_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace berth::test
