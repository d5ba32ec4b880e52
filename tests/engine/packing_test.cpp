#include "engine/packing.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/linear.hpp"
#include "engine/outliers.hpp"
#include "kernels/dispatch.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/normals.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::engine {
namespace {

using test::expect_error;
using test::f32;
using test::normals;

Vector vector_of(const std::vector<float>& values) {
  Vector result(values.size());
  std::copy(values.begin(), values.end(), result.data());
  return result;
}

class Packing : public testing::Test {
 protected:
  static constexpr std::size_t kIn = 96;
  static constexpr std::size_t kOut = 50;
  static constexpr std::size_t kRows = 7;

  loaders::TensorStore store(const std::vector<test::TensorToWrite>& tensors) {
    directory_.write("model.safetensors", test::safetensors(tensors));
    return loaders::TensorStore::open(directory_.path());
  }

  static LinearSource from(const loaders::TensorStore& tensors, const char* name, std::size_t out) {
    return {.weights = {tensors.find(name)}, .biases = {}, .out = out, .in = kIn, .precision = Precision::fp32};
  }

  std::vector<float> product(const Linear& layer, const std::vector<float>& x) const {
    base::AlignedBuffer<std::byte> data((kRows + kernels::kLowRows) * low_row_bytes(layer.precision, layer.in) + 64);
    std::memset(data.data(), 0, data.size());
    Vector scales(kRows + kernels::kLowRows);
    std::vector<float> y(kRows * layer.out);
    const LowRows low{.data = data.data(), .scales = scales.data()};
    lower_rows(compute_, layer, x.data(), kRows, low);
    run_linear(compute_, layer, {.x = x.data(), .low = low, .y = y.data(), .rows = kRows});
    return y;
  }

  // Root of the mean square of the difference, over that of `exact`.
  static double relative_error(const std::vector<float>& exact, const std::vector<float>& got) {
    double difference = 0.0;
    double size = 0.0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      difference += (double{exact[i]} - double{got[i]}) * (double{exact[i]} - double{got[i]});
      size += double{exact[i]} * double{exact[i]};
    }
    return std::sqrt(difference / size);
  }

  kernels::Isa isa_ = kernels::select_isa();
  base::ThreadPool pool_{2};
  Compute compute_{kernels::kernel_table(isa_), kernels::low_kernel_table(isa_), pool_};
  TensorRows reader_{compute_};
  test::TempDirectory directory_;
};

// The same function with and without planted channels: what a norm gives is larger in some channels, the weights that read them smaller.
TEST_F(Packing, ChannelsOfANormThatStandOutCostNoAccuracy) {
  auto weights = normals(kOut * kIn, 1, 0.1F);
  auto x = normals(kRows * kIn, 2);
  std::vector<float> gains(kIn, 1.0F);
  for (const auto& [channel, factor] : {std::pair<std::size_t, float>{3, 23.0F}, {40, 58.0F}, {95, 41.0F}}) {
    gains[channel] = factor;
    for (std::size_t i = 0; i < kOut; ++i) weights[i * kIn + channel] /= factor;
    for (std::size_t i = 0; i < kRows; ++i) x[i * kIn + channel] *= factor;
  }
  const auto tensors = store({f32("w", {kOut, kIn}, weights)});
  const Norm norm{.weight = vector_of(gains), .bias = vector_of(std::vector<float>(kIn, 0.0F))};
  LinearSource source = from(tensors, "w", kOut);
  Linear exact, plain, aware;
  pack(reader_, source, {}, exact);
  source.precision = Precision::int8;
  pack(reader_, source, {}, plain);
  aware.input_factors = input_factors(reader_, norm, source);
  ASSERT_EQ(aware.input_factors.size(), kIn);
  EXPECT_EQ(aware.input_factors[40], 1.0F / 64);
  pack(reader_, source, {.columns = inverse(aware.input_factors), .rows = {}}, aware);
  const auto expected = product(exact, x);
  EXPECT_LT(relative_error(expected, product(aware, x)), 0.015);
  EXPECT_GT(relative_error(expected, product(plain, x)), 0.1) << "or the case shows nothing";
}

// Values are the last third of the rows, in a tensor of their own, in one with queries and keys, or in one for each head.
TEST_F(Packing, RowsOfTheValueProjectionThatStandOutAreSeen) {
  auto value = normals(kIn * kIn, 1, 0.1F);
  auto value_bias = normals(kIn, 4, 0.1F);
  auto weights = normals(kOut * kIn, 2, 0.1F);
  for (std::size_t i = 0; i < kIn; ++i) value[17 * kIn + i] *= 32.0F;
  value_bias[17] *= 32.0F;
  for (std::size_t i = 0; i < kOut; ++i) weights[i * kIn + 17] /= 32.0F;
  const auto other = normals(2 * kIn * kIn, 5, 0.1F);
  auto fused = other;
  fused.insert(fused.end(), value.begin(), value.end());
  auto fused_bias = normals(2 * kIn, 6, 0.1F);
  fused_bias.insert(fused_bias.end(), value_bias.begin(), value_bias.end());
  const auto tensors = store({f32("b", {kIn}, value_bias), f32("fb", {3 * kIn}, fused_bias), f32("fw", {3 * kIn, kIn}, fused), f32("v", {kIn, kIn}, value),
                              f32("v0", {kIn / 2, kIn}, {value.begin(), value.begin() + kIn * kIn / 2}),
                              f32("v1", {kIn / 2, kIn}, {value.begin() + kIn * kIn / 2, value.end()}), f32("w", {kOut, kIn}, weights)});
  const Norm norm{.weight = vector_of(std::vector<float>(kIn, 1.0F)), .bias = vector_of(std::vector<float>(kIn, 0.0F))};
  LinearSource separate = from(tensors, "v", kIn);
  separate.weights = {tensors.find("v"), tensors.find("v"), tensors.find("v")};
  separate.biases = {tensors.find("b"), tensors.find("b"), tensors.find("b")};
  LinearSource together = from(tensors, "fw", 3 * kIn);
  together.biases = {tensors.find("fb")};
  LinearSource heads = from(tensors, "v0", kIn / 2);
  heads.weights = {tensors.find("v1"), tensors.find("v1"), tensors.find("v1"), tensors.find("v1"), tensors.find("v0"), tensors.find("v1")};
  heads.biases = {tensors.find("b"), nullptr, tensors.find("b")};
  for (const LinearSource* source : {&separate, &together, &heads}) {
    const Vector factors = value_factors(reader_, norm, *source, from(tensors, "w", kOut), {.count = 2, .size = kIn / 2});
    ASSERT_EQ(factors.size(), kIn);
    for (std::size_t i = 0; i < kIn; ++i) EXPECT_EQ(factors[i], i == 17 ? 1.0F / 32 : 1.0F) << i;
  }
}

// Two heads of values of 24, each read by two heads of queries: what stands out in one reader's inputs is the value's, and its other reader's, too.
TEST_F(Packing, ValuesThatHeadsShareAreSeen) {
  constexpr std::size_t kSize = 24;
  constexpr std::size_t kValues = 2 * kSize;
  constexpr std::size_t kPlanted = kSize + 5;
  auto value = normals(kValues * kIn, 1, 0.1F);
  auto weights = normals(kOut * kIn, 2, 0.1F);
  for (std::size_t i = 0; i < kIn; ++i) value[kPlanted * kIn + i] *= 32.0F;
  for (std::size_t i = 0; i < kOut; ++i)
    for (const std::size_t head : {2U, 3U}) weights[i * kIn + head * kSize + 5] /= 32.0F;
  const auto tensors = store({f32("q", {2 * kValues, kIn}, normals(2 * kValues * kIn, 3, 0.1F)), f32("k", {kValues, kIn}, normals(kValues * kIn, 4, 0.1F)),
                              f32("v", {kValues, kIn}, value), f32("w", {kOut, kIn}, weights)});
  const Norm norm{.kind = NormKind::rms, .weight = vector_of(std::vector<float>(kIn, 1.0F)), .bias = {}};
  LinearSource source = from(tensors, "v", kValues);
  source.weights = {tensors.find("k"), tensors.find("k"), tensors.find("k"), tensors.find("v")};
  const ValueHeads heads{.count = 2, .size = kSize, .queries_a_key = 2};
  const Vector factors = value_factors(reader_, norm, source, from(tensors, "w", kOut), heads);
  ASSERT_EQ(factors.size(), kValues);
  for (std::size_t i = 0; i < kValues; ++i) EXPECT_EQ(factors[i], i == kPlanted ? 1.0F / 32 : 1.0F) << i;
  for (const std::size_t input : {2 * kSize + 5, 3 * kSize + 5}) EXPECT_EQ(heads.value_of(input), kPlanted);
  EXPECT_EQ(heads.value_of(kSize + 5), 5U);
}

// Rows times powers of two, biases with them: every output is what it was times its power, to the bit.
TEST_F(Packing, FactorsOfRowsAreExact) {
  const auto tensors = store({f32("b", {kOut}, normals(kOut, 3)), f32("w", {kOut, kIn}, normals(kOut * kIn, 1, 0.1F))});
  const auto x = normals(kRows * kIn, 2);
  LinearSource source = from(tensors, "w", kOut);
  source.precision = Precision::int8;
  source.biases = {tensors.find("b")};
  WeightFactors factors;
  factors.rows = vector_of(std::vector<float>(kOut, 1.0F));
  factors.rows[7] = 1.0F / 64;
  Linear plain, scaled;
  pack(reader_, source, {}, plain);
  pack(reader_, source, factors, scaled);
  const auto expected = product(plain, x);
  const auto got = product(scaled, x);
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(got[i], expected[i] * factors.rows[i % kOut]) << i;
}

// Weights may arrive quantised: packing 8-bit rows with their scales needs none of the rest and gives the same bits.
TEST_F(Packing, QuantisedRowsPackWithoutQuantising) {
  const auto weights = normals(kOut * kIn, 1, 0.1F);
  const auto x = normals(kRows * kIn, 2);
  const auto tensors = store({f32("w", {kOut, kIn}, weights)});
  LinearSource source = from(tensors, "w", kOut);
  source.precision = Precision::int8;
  Linear packed;
  pack(reader_, source, {}, packed);

  std::vector<std::int8_t> stored(kOut * kIn);  // as a file would hold them
  std::vector<float> scales(kOut);
  for (std::size_t row = 0; row < kOut; ++row) scales[row] = kernels::quantize_weights(weights.data() + row * kIn, kIn, stored.data() + row * kIn);
  Linear arrived;
  arrived.precision = Precision::int8;
  arrived.in = kIn;
  arrived.out = kOut;
  arrived.s8 = kernels::PackedS8(kOut, kIn);
  for (std::size_t row = 0; row < kOut; ++row) arrived.s8.set_row(row, stored.data() + row * kIn, scales[row]);
  EXPECT_EQ(product(arrived, x), product(packed, x));
}

TEST_F(Packing, NonFiniteWeightsAreNamed) {
  auto weights = normals(kOut * kIn, 1, 0.1F);
  weights[kOut * kIn - 1] = std::numeric_limits<float>::quiet_NaN();
  const auto tensors = store({f32("w", {kOut, kIn}, weights)});
  const Norm norm{.weight = vector_of(std::vector<float>(kIn, 1.0F)), .bias = {}};
  for (const Precision precision : {Precision::fp32, Precision::bf16, Precision::int8}) {
    LinearSource source = from(tensors, "w", kOut);
    source.precision = precision;
    Linear layer;
    expect_error(base::ErrorCode::non_finite, {"model.safetensors", "\"w\""}, [&] { pack(reader_, source, {}, layer); });
    expect_error(base::ErrorCode::non_finite, {"model.safetensors", "\"w\""}, [&] { input_factors(reader_, norm, source); });
  }
}

}  // namespace
}  // namespace berth::engine
