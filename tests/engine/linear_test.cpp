// Products whose outputs a team's members share: the bits do not depend on who makes which of them.
#include "engine/linear.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/packing.hpp"
#include "kernels/dispatch.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/support/normals.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::engine {
namespace {

constexpr std::size_t kIn = 512;
constexpr std::size_t kOut = 1000;  // the last panel is not full

struct Product {
  Product(const Linear& layer, std::size_t rows, const Compute& compute)
      : layer(layer),
        rows(rows),
        x(test::normals(rows * kIn, 2)),
        data((rows + kernels::kLowRows) * low_row_bytes(layer.precision, kIn) + 64),
        scales(rows + kernels::kLowRows) {
    std::memset(data.data(), 0, data.size());
    lower_rows(compute, layer, x.data(), rows, {.data = data.data(), .scales = scales.data()});
  }
  std::vector<float> run(const Compute& compute) {
    std::vector<float> y(rows * kOut, -1.0F);
    run(compute, y.data());
    return y;
  }
  void run(const Compute& compute, float* y) noexcept {
    run_linear(compute, layer, {.x = x.data(), .low = {.data = data.data(), .scales = scales.data()}, .y = y, .rows = rows, .next = &layer});
  }

  const Linear& layer;
  std::size_t rows;
  std::vector<float> x;
  base::AlignedBuffer<std::byte> data;
  Vector scales;
};

class LinearOfATeam : public testing::TestWithParam<std::string> {};

TEST_P(LinearOfATeam, GivesTheSameBitsWhateverItsShares) {
  test::TempDirectory directory;
  directory.write("model.safetensors", test::safetensors({test::f32("w", {kOut, kIn}, test::normals(kOut * kIn, 1))}));
  const auto tensors = loaders::TensorStore::open(directory.path());
  const kernels::Isa isa = kernels::select_isa(GetParam());
  const Compute alone{kernels::kernel_table(isa), kernels::low_kernel_table(isa), one_thread()};
  TensorRows reader(alone);
  for (const Precision precision : {Precision::fp32, Precision::bf16, Precision::int8}) {
    Linear layer;
    pack(reader, {.weights = {tensors.find("w")}, .biases = {}, .out = kOut, .in = kIn, .precision = precision}, {}, layer);
    for (const std::size_t rows : {3U, 16U, 50U}) {
      Product product(layer, rows, alone);
      const std::vector<float> expected = product.run(alone);
      for (const int threads : {2, 3, 5}) {
        const base::ThreadPool pool(threads);
        const auto members = static_cast<std::size_t>(threads);
        for (const int slowness : {1, 2, 40}) {  // of the first member
          ThreadShares shares;
          shares.reserve(members);
          shares.deal(members);
          for (std::size_t member = 0; member < members; ++member) shares.note(member, 1000, std::chrono::microseconds(member == 0 ? slowness : 1));
          shares.deal(members);
          EXPECT_EQ(slowness > 1, shares.part(0, 1000).count < 1000 / members) << "or the case shows nothing";
          std::vector<float> y(rows * kOut, -1.0F);
          pool.as_team([&](const base::ThreadPool& team) noexcept {
            product.run({.kernels = alone.kernels, .low = alone.low, .pool = team, .shares = &shares}, y.data());
          });
          EXPECT_EQ(y, expected) << name(precision) << ", " << rows << " rows, " << threads << " threads, the first " << slowness << " times as slow";
        }
      }
    }
  }
}

// Layers that divide the rows among them: some have none, some one, some many, and each row is as if it were alone.
TEST_P(LinearOfATeam, GivesEachRowOfManyLayersTheSameBitsAsAlone) {
  constexpr std::size_t kLayers = 6;
  const std::vector<std::size_t> ends = {1, 1, 4, 53, 53, 70};
  test::TempDirectory directory;
  std::vector<test::TensorToWrite> matrices;
  for (std::size_t i = 0; i < kLayers; ++i)
    matrices.push_back(test::f32("w" + std::to_string(i), {kOut, kIn}, test::normals(kOut * kIn, static_cast<unsigned>(10 + i))));
  directory.write("model.safetensors", test::safetensors(matrices));
  const auto tensors = loaders::TensorStore::open(directory.path());
  const kernels::Isa isa = kernels::select_isa(GetParam());
  const Compute alone{kernels::kernel_table(isa), kernels::low_kernel_table(isa), one_thread()};
  TensorRows reader(alone);
  for (const Precision precision : {Precision::fp32, Precision::bf16, Precision::int8}) {
    std::vector<Linear> layers(kLayers);
    for (std::size_t i = 0; i < kLayers; ++i)
      pack(reader, {.weights = {tensors.find("w" + std::to_string(i))}, .biases = {}, .out = kOut, .in = kIn, .precision = precision}, {}, layers[i]);
    Product rows(layers.front(), ends.back(), alone);
    const LowRows low{.data = rows.data.data(), .scales = rows.scales.data()};
    std::vector<float> expected(ends.back() * kOut);
    for (std::size_t i = 0, row = 0; i < kLayers; ++i)
      for (; row < ends[i]; ++row) {
        const LowRows one{.data = low.data + row * low_row_bytes(layers[i].precision, kIn), .scales = low.scales + row};
        run_linear(alone, layers[i], {.x = rows.x.data() + row * kIn, .low = one, .y = expected.data() + row * kOut, .rows = 1});
      }
    for (const int threads : {1, 2, 3, 5}) {
      const base::ThreadPool pool(threads);
      std::vector<float> y(expected.size(), -1.0F);
      const LinearArgs args{.x = rows.x.data(), .low = low, .y = y.data(), .rows = ends.back()};
      run_linears({.kernels = alone.kernels, .low = alone.low, .pool = pool}, layers, ends, args);
      EXPECT_EQ(y, expected) << name(precision) << ", " << threads << " threads";
      std::fill(y.begin(), y.end(), -1.0F);
      ThreadShares shares;
      shares.reserve(static_cast<std::size_t>(threads));
      shares.deal(static_cast<std::size_t>(threads));
      pool.as_team([&](const base::ThreadPool& team) noexcept {
        run_linears({.kernels = alone.kernels, .low = alone.low, .pool = team, .shares = &shares}, layers, ends, args);
      });
      EXPECT_EQ(y, expected) << name(precision) << ", a team of " << threads;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, LinearOfATeam, testing::ValuesIn(test::usable_isas()), [](const auto& info) { return info.param; });

}  // namespace
}  // namespace berth::engine
