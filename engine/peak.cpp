#include "engine/peak.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

#include "kernels/dispatch.hpp"
#include "kernels/peak.hpp"

namespace berth::engine {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSlices = 5;
constexpr std::size_t kSteps = 4000;  // between two looks at the clock: tens to hundreds of microseconds

constexpr double kTileProducts = 6.0;  // of BF16 for one of FP32 (kernels/isa/amx_f32.hpp)

double run(kernels::Isa isa, Precision precision) noexcept {
  if (precision == Precision::fp32 && kernels::low_kernel_table(isa).gemm_f32 != nullptr) return kernels::run_peak_low(isa, true, kSteps) / kTileProducts;
  if (precision != Precision::fp32)
    if (const double operations = kernels::run_peak_low(isa, precision == Precision::bf16, kSteps); operations > 0.0) return operations;
  return kernels::run_peak_f32(kernels::kernel_table(isa).lanes, kSteps);  // BF16 weights are widened where there are no BF16 products
}

}  // namespace

double measure_peak(kernels::Isa isa, Precision precision, const base::ThreadPool& pool, double seconds) {
  const auto threads = static_cast<std::size_t>(pool.threads());
  const std::chrono::duration<double> slice(seconds / kSlices);
  std::vector<double> operations(threads);
  double best = 0.0;
  for (int i = 0; i < kSlices; ++i) {
    const Clock::time_point begin = Clock::now();
    pool.parallel_for(threads, [&](std::size_t index, std::size_t) noexcept {
      operations[index] = 0.0;
      do {
        operations[index] += run(isa, precision);
      } while (Clock::now() - begin < slice);
    });
    const double taken = std::chrono::duration<double>(Clock::now() - begin).count();
    best = std::max(best, std::accumulate(operations.begin(), operations.end(), 0.0) / taken);
  }
  return best;
}

}  // namespace berth::engine
