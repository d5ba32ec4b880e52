#include "apps/cli/bench_load.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <random>
#include <string>

namespace berth::cli {
namespace {

constexpr std::size_t kShortestRow = 8;
constexpr std::uint32_t kSeed = 20231;

// Below `bound`. The standard library's distributions differ between implementations; the generator does not.
std::size_t below(std::mt19937& random, std::size_t bound) { return static_cast<std::size_t>((std::uint64_t{random()} * bound) >> 32); }

// Row i of n has kShortestRow + (length - kShortestRow) * (i / (n - 1))^power tokens.
std::vector<std::size_t> curve(std::size_t batch, std::size_t length, double power) {
  std::vector<std::size_t> lengths(batch);
  for (std::size_t i = 0; i < batch; ++i) {
    const double at = static_cast<double>(i) / static_cast<double>(batch - 1);
    lengths[i] = kShortestRow + static_cast<std::size_t>(std::lround(static_cast<double>(length - kShortestRow) * std::pow(at, power)));
  }
  return lengths;
}

}  // namespace

std::vector<std::size_t> row_lengths(std::size_t batch, std::size_t length, bool ragged) {
  if (!ragged || length <= kShortestRow) return std::vector<std::size_t>(batch, length);
  const double wanted = static_cast<double>(length) / 3;
  if (batch == 1) return {std::max(kShortestRow, static_cast<std::size_t>(std::lround(wanted)))};
  double low = 0.1, high = 20;  // the mean falls as the power rises
  for (int step = 0; step < 40; ++step) {
    const double middle = (low + high) / 2;
    const auto lengths = curve(batch, length, middle);
    const double mean = static_cast<double>(std::accumulate(lengths.begin(), lengths.end(), std::size_t{0})) / static_cast<double>(batch);
    (mean > wanted ? low : high) = middle;
  }
  auto lengths = curve(batch, length, high);
  std::mt19937 random(kSeed);
  for (std::size_t i = batch - 1; i > 0; --i) std::swap(lengths[i], lengths[below(random, i + 1)]);
  return lengths;
}

std::vector<std::vector<std::int32_t>> random_rows(std::span<const std::size_t> lengths, std::size_t vocab_size) {
  std::mt19937 random(kSeed);
  std::vector<std::vector<std::int32_t>> rows;
  rows.reserve(lengths.size());
  for (const std::size_t length : lengths) {
    auto& row = rows.emplace_back(length);
    for (auto& id : row) id = static_cast<std::int32_t>(below(random, vocab_size));
  }
  return rows;
}

Summary summarise(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const auto count = static_cast<double>(samples.size());
  const auto percentile = [&](double fraction) {
    const double at = fraction * (count - 1);
    const auto index = static_cast<std::size_t>(at);
    const std::size_t next = std::min(index + 1, samples.size() - 1);
    return samples[index] + (samples[next] - samples[index]) * (at - static_cast<double>(index));
  };
  Summary summary;
  summary.mean = std::accumulate(samples.begin(), samples.end(), 0.0) / count;
  double squares = 0;
  for (const double sample : samples) squares += (sample - summary.mean) * (sample - summary.mean);
  summary.std = samples.size() > 1 ? std::sqrt(squares / (count - 1)) : 0.0;
  summary.p50 = percentile(0.50);
  summary.p95 = percentile(0.95);
  summary.p99 = percentile(0.99);
  return summary;
}

double batch_flop(std::span<const std::size_t> lengths, double per_token, double per_token_squared) {
  double total = 0;
  for (const std::size_t length : lengths) {
    const auto n = static_cast<double>(length);
    total += n * per_token + n * n * per_token_squared;
  }
  return total;
}

double status_megabytes(const char* field) {
  std::ifstream status("/proc/self/status");
  const std::string prefix = std::string(field) + ":";
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(prefix)) return std::strtod(line.c_str() + prefix.size(), nullptr) / 1024;  // the kernel counts in KiB
  return 0;
}

}  // namespace berth::cli
