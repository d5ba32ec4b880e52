#include "engine/outliers.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace berth::engine {

namespace {

using loaders::TensorView;

constexpr long kLeastHalvings = 2;  // what differs by less than some 2.8 is no outlier: models without any keep their bits
constexpr long kMostHalvings = 16;

// The largest |w| that reads each input. A maximum does not depend on the order in which threads contribute to it.
Vector largest_weights(TensorRows& reader, const LinearSource& source) {
  const auto slots = static_cast<std::size_t>(reader.compute().pool.threads());
  std::vector<float> largest(slots * source.in, 0.0F);
  reader.for_each(source.weights, 0, source.out, source.in, [&](const RowChunk& chunk, const float* rows, std::uint16_t*, std::size_t slot) noexcept {
    float* most = largest.data() + slot * source.in;
    for (std::size_t row = 0; row < chunk.rows; ++row, rows += source.in)
      for (std::size_t i = 0; i < source.in; ++i) most[i] = std::max(most[i], std::abs(rows[i]));
  });
  Vector result(source.in);
  for (std::size_t i = 0; i < source.in; ++i) {
    result[i] = largest[i];
    for (std::size_t slot = 1; slot < slots; ++slot) result[i] = std::max(result[i], largest[slot * source.in + i]);
  }
  return result;
}

// Of every value: b + sum of W_i x_i, where x_i has the norm's weight as deviation and the norm's bias as mean.
Vector value_sizes(TensorRows& reader, const Norm& norm, const LinearSource& query_key_value, std::size_t count) {
  const std::size_t in = query_key_value.in;
  const std::size_t outputs = query_key_value.out * query_key_value.weights.size();
  Vector sizes(count);
  std::fill_n(sizes.data(), count, 0.0F);
  if (!query_key_value.biases.empty()) {
    Vector biases(outputs / query_key_value.biases.size());
    reader.copy(*query_key_value.biases.back(), biases.data());
    std::copy_n(biases.data() + biases.size() - count, count, sizes.data());
  }
  // The last rows of one tensor, or the last tensors.
  const std::size_t tensors = std::max<std::size_t>(1, count / query_key_value.out);
  const std::size_t rows_each = count / tensors;
  const auto values = std::span<const TensorView* const>(query_key_value.weights).last(tensors);
  reader.for_each(values, query_key_value.out - rows_each, rows_each, in, [&](const RowChunk& chunk, const float* rows, std::uint16_t*, std::size_t) noexcept {
    for (std::size_t row = chunk.output; row < chunk.output + chunk.rows; ++row, rows += in) {
      double mean = double{sizes[row]};
      double variance = 0.0;
      for (std::size_t i = 0; i < in; ++i) {
        const double deviation = double{rows[i]} * double{norm.weight[i]};
        variance += deviation * deviation;
        if (norm.bias.size() > 0) mean += double{rows[i]} * double{norm.bias[i]};
      }
      sizes[row] = static_cast<float>(std::sqrt(variance + mean * mean));
    }
  });
  return sizes;
}

}  // namespace

Vector channel_factors(std::span<const float> inputs, std::span<const float> weights) {
  const auto ratio = [&](std::size_t i) { return std::sqrt(double{inputs[i]} / double{weights[i]}); };
  const auto counts = [&](std::size_t i) { return inputs[i] > 0.0F && weights[i] > 0.0F; };  // a channel that is never set or never read has no ratio
  std::vector<double> ratios;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (counts(i)) ratios.push_back(ratio(i));
  if (ratios.empty()) return {};
  const auto middle = ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2);
  std::nth_element(ratios.begin(), middle, ratios.end());
  const double usual = *middle;

  Vector factors(inputs.size());
  bool any = false;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const long halvings = counts(i) ? std::min(std::lround(std::log2(ratio(i) / usual)), kMostHalvings) : 0L;
    factors[i] = halvings < kLeastHalvings ? 1.0F : std::ldexp(1.0F, -static_cast<int>(halvings));
    any = any || factors[i] != 1.0F;
  }
  return any ? std::move(factors) : Vector();
}

Vector inverse(const Vector& factors) {
  Vector result(factors.size());
  for (std::size_t i = 0; i < factors.size(); ++i) result[i] = 1.0F / factors[i];
  return result;
}

Vector expected_sizes(const Norm& norm, std::size_t size) {
  Vector sizes(size);
  for (std::size_t i = 0; i < size; ++i) sizes[i] = std::hypot(norm.weight[i], norm.bias.size() == 0 ? 0.0F : norm.bias[i]);
  return sizes;
}

Vector input_factors(TensorRows& reader, const Norm& norm, const LinearSource& reads) {
  return channel_factors(expected_sizes(norm, reads.in).span(), largest_weights(reader, reads).span());
}

Vector value_factors(TensorRows& reader, const Norm& norm, const LinearSource& query_key_value, const LinearSource& reads, const ValueHeads& heads) {
  const Vector of_inputs = largest_weights(reader, reads);
  Vector largest(heads.count * heads.size);
  std::fill_n(largest.data(), largest.size(), 0.0F);
  for (std::size_t i = 0; i < of_inputs.size(); ++i) largest[heads.value_of(i)] = std::max(largest[heads.value_of(i)], of_inputs[i]);
  return channel_factors(value_sizes(reader, norm, query_key_value, largest.size()).span(), largest.span());
}

}  // namespace berth::engine
