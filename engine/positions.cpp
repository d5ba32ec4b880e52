#include "engine/positions.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace berth::engine {

namespace {

constexpr std::size_t kFirstLength = 128;  // of the tables, so that they seldom grow

float power(double base, float exponent) { return static_cast<float>(std::pow(static_cast<double>(static_cast<float>(base)), static_cast<double>(exponent))); }

void divide(double& frequency, float divisor) { frequency = static_cast<double>(static_cast<float>(frequency) / divisor); }

}  // namespace

std::vector<double> rotary_frequencies(double theta, std::size_t dims) {
  std::vector<double> frequencies;
  for (std::size_t i = 0; i < dims; i += 2) frequencies.push_back(static_cast<double>(1.0F / power(theta, static_cast<float>(i) / static_cast<float>(dims))));
  return frequencies;
}

std::vector<double> ntk_frequencies(double theta, std::size_t dims, double factor) {
  std::vector<double> frequencies = rotary_frequencies(theta * factor, dims);
  const auto divisor = static_cast<float>(std::pow(factor, 2.0 / static_cast<double>(dims)));
  for (double& frequency : frequencies) divide(frequency, divisor);
  return frequencies;
}

std::vector<double> mixed_ntk_frequencies(double theta, std::size_t dims, double factor, double b) {
  std::vector<double> frequencies = rotary_frequencies(theta, dims);
  const double a = std::log(factor) / std::pow(static_cast<double>(dims / 2), b);
  for (std::size_t i = 0; i < frequencies.size(); ++i) divide(frequencies[i], static_cast<float>(std::exp(a * std::pow(static_cast<double>(i + 1), b))));
  return frequencies;
}

std::vector<float> alibi_slopes(std::size_t heads) {
  // 2^(-8 / n), its powers, for the largest power of two n within `heads`; the rest are every other one of twice as many heads.
  std::size_t whole = 1;
  while (whole * 2 <= heads) whole *= 2;
  const auto slope = [](std::size_t n, std::size_t i) { return static_cast<float>(std::pow(2.0, -8.0 / static_cast<double>(n) * static_cast<double>(i + 1))); };
  std::vector<float> slopes;
  for (std::size_t i = 0; i < whole; ++i) slopes.push_back(slope(whole, i));
  for (std::size_t i = 0; slopes.size() < heads; i += 2) slopes.push_back(slope(2 * whole, i));
  return slopes;
}

std::size_t t5_bucket(std::int64_t key_minus_query, const BucketSpec& spec) {
  const auto half = static_cast<std::int64_t>(spec.count / 2);  // buckets of either direction
  const auto exact = static_cast<std::int64_t>(spec.near());
  const std::int64_t side = key_minus_query > 0 ? half : 0;
  const std::int64_t distance = key_minus_query < 0 ? -key_minus_query : key_minus_query;
  if (distance < exact) return static_cast<std::size_t>(side + distance);
  const float logarithm = std::log(static_cast<float>(distance) / static_cast<float>(exact));
  const auto whole = static_cast<float>(std::log(static_cast<double>(spec.max_distance) / static_cast<double>(exact)));
  const float scaled = logarithm / whole * static_cast<float>(half - exact);
  return static_cast<std::size_t>(side + std::min(half - 1, exact + static_cast<std::int64_t>(scaled)));
}

std::size_t disentangled_bucket(std::int64_t query_minus_key, const DisentangledSpec& spec) {
  std::int64_t bucket = query_minus_key;
  const auto middle = static_cast<std::int64_t>(spec.bucket_size / 2);
  const std::int64_t distance = query_minus_key < 0 ? -query_minus_key : query_minus_key;
  if (spec.bucket_size > 0 && distance > middle) {
    const float ratio = std::log(static_cast<float>(distance) / static_cast<float>(middle));
    const float whole = std::log(static_cast<float>(spec.max_distance - 1) / static_cast<float>(middle));
    const auto rounded = static_cast<std::int64_t>(std::ceil(ratio / whole * static_cast<float>(middle - 1))) + middle;
    bucket = query_minus_key < 0 ? -rounded : rounded;
  }
  const auto span = static_cast<std::int64_t>(spec.span);
  return static_cast<std::size_t>(std::clamp<std::int64_t>(bucket + span, 0, 2 * span - 1));
}

void PositionTables::reserve(const ModelConfig& config, std::span<const base::AlignedBuffer<float>> relative_bias, std::size_t longest) {
  if (longest <= length_) return;
  std::size_t length = kFirstLength;
  while (length < longest) length *= 2;
  PositionTables grown;
  grown.length_ = length;
  if (!config.rotaries.empty()) grown.make_angles(config);
  if (config.relative_bias != RelativeBias::none) grown.make_bias(config, relative_bias);
  if (config.disentangled.span > 0) grown.make_buckets(config.disentangled);
  *this = std::move(grown);
}

void PositionTables::make_angles(const ModelConfig& config) {
  std::size_t size = 0;
  for (const RotarySpec& rotary : config.rotaries)
    for (int i = 0; i < 2; ++i) {
      offsets_.push_back(size);
      size += length_ * rotary.frequencies.size();
    }
  angles_ = base::AlignedBuffer<float>(size);
  for (std::size_t r = 0; r < config.rotaries.size(); ++r) {
    const RotarySpec& rotary = config.rotaries[r];
    float* cosines = angles_.data() + offsets_[2 * r];
    float* sines = angles_.data() + offsets_[2 * r + 1];
    for (std::size_t position = 0; position < length_; ++position)
      for (const double frequency : rotary.frequencies) {
        const double angle =
            rotary.float_angles ? static_cast<double>(static_cast<float>(position) * static_cast<float>(frequency)) : static_cast<double>(position) * frequency;
        *cosines++ = static_cast<float>(std::cos(angle));
        *sines++ = static_cast<float>(std::sin(angle));
      }
  }
}

void PositionTables::make_bias(const ModelConfig& config, std::span<const base::AlignedBuffer<float>> tables) {
  const std::size_t width = 2 * length_ - 1;
  const std::size_t heads = config.num_heads;
  const bool alibi = config.relative_bias == RelativeBias::alibi;
  const std::vector<float> slopes = alibi ? alibi_slopes(heads) : std::vector<float>();
  bias_ = base::AlignedBuffer<float>((alibi ? 1 : tables.size()) * heads * width);
  for (std::size_t i = 0; i < width; ++i) {
    const auto offset = static_cast<std::int64_t>(i) - static_cast<std::int64_t>(length_ - 1);
    for (std::size_t head = 0; head < slopes.size(); ++head) bias_[head * width + i] = -slopes[head] * std::abs(static_cast<float>(offset));
    if (alibi) continue;
    const std::size_t bucket = t5_bucket(offset, config.buckets);
    for (std::size_t table = 0; table < tables.size(); ++table)
      for (std::size_t head = 0; head < heads; ++head) bias_[(table * heads + head) * width + i] = tables[table][bucket * heads + head];
  }
}

void PositionTables::make_buckets(const DisentangledSpec& spec) {
  const std::size_t width = 2 * length_ - 1;
  buckets_ = base::AlignedBuffer<std::int32_t>(width);
  for (std::size_t i = 0; i < width; ++i)
    buckets_[i] = static_cast<std::int32_t>(disentangled_bucket(static_cast<std::int64_t>(length_ - 1) - static_cast<std::int64_t>(i), spec));
}

}  // namespace berth::engine
