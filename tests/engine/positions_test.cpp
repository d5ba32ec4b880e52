// Slopes, buckets and angles against tests/reference/tables, which the Hugging Face code and the published modelling files made.
#include "engine/positions.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "base/json.hpp"

namespace berth::test {
namespace {

using namespace engine;

class Tables {
 public:
  Tables() : file_(base::read_file(std::string(BERTH_SOURCE_DIR) + "/tests/reference/tables/tables.safetensors", 1 << 24)) {
    std::memcpy(&length_, file_.data(), sizeof(length_));
    header_ = base::Json::parse(file_.substr(8, length_));
  }
  // Of any type, as doubles.
  std::vector<double> values(const std::string& name) const {
    const base::Json& entry = header_.at(name);
    const char* data = file_.data() + 8 + length_ + entry["data_offsets"][0].get<std::size_t>();
    const std::size_t bytes = entry["data_offsets"][1].get<std::size_t>() - entry["data_offsets"][0].get<std::size_t>();
    const std::string type = entry["dtype"].get<std::string>();
    if (type == "F32") return convert<float>(data, bytes);
    if (type == "F64") return convert<double>(data, bytes);
    return convert<std::int64_t>(data, bytes);
  }

 private:
  template <class T>
  static std::vector<double> convert(const char* data, std::size_t bytes) {
    std::vector<T> stored(bytes / sizeof(T));
    std::memcpy(stored.data(), data, bytes);
    return {stored.begin(), stored.end()};
  }
  std::string file_;
  std::uint64_t length_ = 0;
  base::Json header_;
};

TEST(Positions, AlibiSlopes) {
  const Tables tables;
  for (std::size_t heads = 1; heads <= 20; ++heads) {
    const auto expected = tables.values("alibi.slopes." + std::to_string(heads));
    const auto got = alibi_slopes(heads);
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < heads; ++i) EXPECT_NEAR(double{got[i]}, expected[i], 1e-7 * expected[i]) << i << " of " << heads;
  }
}

TEST(Positions, T5Buckets) {
  const auto expected = Tables().values("mpnet.bucket");
  for (std::int64_t offset = -600; offset <= 600; ++offset)
    ASSERT_EQ(t5_bucket(offset, {}), static_cast<std::size_t>(expected[static_cast<std::size_t>(offset + 600)])) << offset;
}

// Of 13 buckets 6 for either side, 3 of them for one distance each; the others reach to 20, and the last beyond.
TEST(Positions, OtherT5Buckets) {
  const engine::BucketSpec spec{.count = 13, .max_distance = 20};
  const std::vector<std::size_t> near = {0, 1, 2, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5, 5};  // 3 (20 / 3)^(1 / 3) = 5.6, 3 (20 / 3)^(2 / 3) = 10.6
  for (std::size_t distance = 0; distance < near.size(); ++distance) {
    const auto offset = static_cast<std::int64_t>(distance);
    EXPECT_EQ(t5_bucket(-offset, spec), near[distance]) << distance;
    EXPECT_EQ(t5_bucket(offset, spec), near[distance] + (distance > 0 ? 6 : 0)) << distance;
  }
  for (const std::int64_t distance : {19, 20, 21, 1000, 1 << 20}) EXPECT_EQ(t5_bucket(-distance, spec), 5U);
}

TEST(Positions, DisentangledBuckets) {
  const Tables tables;
  struct Row {
    std::size_t buckets, max_position, length;
  };
  for (const auto& [buckets, max_position, length] : {Row{16, 96, 96}, Row{256, 512, 1024}, Row{256, 512, 512}, Row{32, 128, 128}, Row{64, 200, 200}}) {
    const auto expected = tables.values("deberta_v2.bucket." + std::to_string(buckets) + "." + std::to_string(max_position) + "." + std::to_string(length));
    DisentangledSpec spec;
    spec.span = spec.bucket_size = buckets;
    spec.max_distance = max_position;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto offset = static_cast<std::int64_t>(i) - static_cast<std::int64_t>(length - 1);
      const double clamped = std::clamp(expected[i] + static_cast<double>(buckets), 0.0, static_cast<double>(2 * buckets - 1));
      ASSERT_EQ(disentangled_bucket(offset, spec), static_cast<std::size_t>(clamped)) << buckets << ", " << offset;
    }
  }
}

TEST(Positions, WithoutBucketsEveryDistanceHasItsOwnUpToTheSpan) {
  DisentangledSpec spec;
  spec.span = spec.max_distance = 20;
  EXPECT_EQ(disentangled_bucket(0, spec), 20U);
  EXPECT_EQ(disentangled_bucket(19, spec), 39U);
  EXPECT_EQ(disentangled_bucket(500, spec), 39U);
  EXPECT_EQ(disentangled_bucket(-20, spec), 0U);
  EXPECT_EQ(disentangled_bucket(-21, spec), 0U);
}

TEST(Positions, RotaryFrequenciesAndAngles) {
  const Tables tables;
  const auto positions = tables.values("rotary.positions");
  struct Row {
    std::size_t dims;
    int theta;
  };
  for (const auto& [dims, theta] : {Row{16, 10000}, Row{64, 1000}, Row{64, 10000}, Row{64, 160000}, Row{64, 500000}}) {
    const std::string name = std::to_string(dims) + "." + std::to_string(theta);
    const auto expected = tables.values("rotary.inv_freq." + name);
    ModelConfig config;
    config.rotaries.push_back({.frequencies = rotary_frequencies(theta, dims)});
    const auto& got = config.rotaries[0].frequencies;
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(double{got[i]}, expected[i], 1.2e-7 * expected[i]) << name << ", " << i;
    PositionTables own;
    own.reserve(config, {}, 9000);
    const auto cosines = tables.values("rotary.cos." + name);
    const auto sines = tables.values("rotary.sin." + name);
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const auto position = static_cast<std::size_t>(positions[p]);
      if (position >= 9000) continue;
      for (std::size_t i = 0; i < dims / 2; ++i) {
        const double tolerance = 1e-6 + 2.5e-7 * positions[p] * expected[i];  // a frequency one unit off turns so much further
        ASSERT_NEAR(double{own.cosines(0)[position * dims / 2 + i]}, cosines[p * dims / 2 + i], tolerance) << name << ", " << position << ", " << i;
        ASSERT_NEAR(double{own.sines(0)[position * dims / 2 + i]}, sines[p * dims / 2 + i], tolerance) << name << ", " << position << ", " << i;
      }
    }
  }
}

TEST(Positions, AnglesOfFloat64WhereTheyAreNotRounded) {
  ModelConfig config;
  const std::vector<double> frequencies = {1.0, 0.5623413251903491, 0.31622776601683794};
  config.rotaries = {{.frequencies = frequencies, .float_angles = false}, {.frequencies = frequencies}};
  PositionTables tables;
  tables.reserve(config, {}, 5000);
  double worst_rounded = 0.0;
  for (std::size_t position = 0; position < 5000; ++position)
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
      const double sine = std::sin(static_cast<double>(position) * frequencies[i]);
      EXPECT_NEAR(double{tables.sines(0)[position * frequencies.size() + i]}, sine, 6e-8);
      worst_rounded = std::max(worst_rounded, std::abs(double{tables.sines(1)[position * frequencies.size() + i]} - sine));
    }
  EXPECT_GT(worst_rounded, 1e-5) << "what rounding costs";
}

TEST(Positions, ScaledFrequencies) {
  const auto plain = rotary_frequencies(10000.0, 64);
  const auto ntk = ntk_frequencies(10000.0, 64, 8.0);
  const auto mixed = mixed_ntk_frequencies(10000.0, 64, 8.0, 0.625);
  for (std::size_t i = 0; i < 32; ++i) {
    const double exponent = static_cast<double>(2 * i) / 64.0;
    EXPECT_NEAR(double{ntk[i]}, std::pow(80000.0, -exponent) / std::pow(8.0, 2.0 / 64.0), 3e-7 * double{ntk[i]});
    EXPECT_NEAR(double{mixed[i]}, double{plain[i]} / std::exp(std::log(8.0) / std::pow(32.0, 0.625) * std::pow(static_cast<double>(i + 1), 0.625)),
                3e-7 * double{mixed[i]});
  }
  EXPECT_NEAR(double{mixed[31]}, double{plain[31]} / 8.0, 1e-6 * double{plain[31]});  // the slowest pair is stretched by the whole factor
}

// A table that grows keeps what it had, and points at its middle.
TEST(Positions, TablesGrow) {
  ModelConfig config;
  config.num_heads = 3;
  config.relative_bias = RelativeBias::alibi;
  PositionTables tables;
  for (const std::size_t length : {1U, 100U, 128U, 129U, 1000U, 7U}) {
    tables.reserve(config, {}, length);
    const auto slopes = alibi_slopes(3);
    for (std::size_t head = 0; head < 3; ++head)
      for (std::ptrdiff_t offset = -static_cast<std::ptrdiff_t>(length - 1); offset < static_cast<std::ptrdiff_t>(length); ++offset)
        ASSERT_EQ(tables.relative_bias(head)[offset], -slopes[head] * std::fabs(static_cast<float>(offset)));
  }
}

}  // namespace
}  // namespace berth::test
