// The kernels on one core, beside this machine's measured peak and beside oneDNN, all three in turn in the same run.
//
//   kernels_bench [--rounds=41] [--slice_ms=1] [--row_block=128] [Google Benchmark's own options, e.g. --benchmark_filter=gemm/768x3072]
//
// BERTH_ISA lowers the instruction set, oneDNN's with it. Columns: `GFLOPS` ours, `of_peak` the fraction of the peak, `oneDNN` its GFLOPS and
// `ratio` ours over oneDNN's; medians over the rounds, ratios taken round by round. Time is that of one call.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "bench/interleave.hpp"
#include "bench/onednn_matmul.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/packed_low.hpp"
#include "kernels/packed_matrix.hpp"
#include "kernels/peak.hpp"

namespace berth::bench {
namespace {

using kernels::Activation;
using kernels::Isa;
using kernels::KernelTable;

struct Options {
  std::size_t rounds = 41;
  double slice_ms = 1.0;
  std::size_t row_block = 128;  // the engine calls gemm with blocks of rows that stay in the caches
};
Options options;

struct Shape {
  std::size_t k, n;
  double wanted_of_peak;  // for M >= 128 with AVX-512
};
constexpr Shape kShapes[] = {{384, 384, 0.85}, {384, 1536, 0.85}, {1536, 384, 0.85}, {768, 768, 0.85}, {768, 3072, 0.80}, {3072, 768, 0.80}};
constexpr std::size_t kRows[] = {1, 2, 4, 8, 9, 12, 16, 128, 1024};

// What the project asks of AVX-512; one line for each product that misses it.
std::vector<std::string> misses;
void judge(const std::string& name, const Shape& shape, std::size_t rows, double of_peak, double ratio) {
  char line[160];
  if (rows >= 128 && of_peak < shape.wanted_of_peak) {
    std::snprintf(line, sizeof(line), "%s: %.1f%% of the peak, wanted %.0f%%", name.c_str(), 100.0 * of_peak, 100.0 * shape.wanted_of_peak);
    misses.emplace_back(line);
  }
  if (rows <= 16 && ratio > 0.0 && ratio < 1.0) {
    std::snprintf(line, sizeof(line), "%s: %.2f times oneDNN's rate, wanted 1", name.c_str(), ratio);
    misses.emplace_back(line);
  }
}

std::vector<float> random_values(std::size_t count, unsigned seed = 1) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> distribution(-1.0F, 1.0F);
  std::vector<float> values(count);
  for (float& x : values) x = distribution(engine);
  return values;
}

Contender peak(const KernelTable& table) {
  constexpr std::size_t kSteps = 4000;
  return {[lanes = table.lanes] { kernels::run_peak_f32(lanes, kSteps); }, kernels::run_peak_f32(table.lanes, kSteps)};
}

// FP32: by multiply-adds or, with `tiles`, by tiles of BF16 parts.
void run_gemm(benchmark::State& state, const std::string& name, const KernelTable& kernels, const kernels::LowKernelTable* tiles, Shape shape,
              std::size_t rows) {
  const std::vector<float> a = random_values(rows * shape.k);
  const std::vector<float> weights = random_values(shape.n * shape.k, 2);
  std::vector<float> c(rows * shape.n);
  std::vector<float> c_onednn(rows * shape.n);
  kernels::PackedF32 packed(shape.n, shape.k, kernels);
  packed.set_rows(0, shape.n, weights.data());
  base::AlignedBuffer<float> scratch(tiles == nullptr ? 0 : tiles->gemm_f32_scratch(options.row_block, shape.k));
  const double flop = 2.0 * static_cast<double>(rows) * static_cast<double>(shape.k) * static_cast<double>(shape.n);

  std::vector<Contender> contenders = {peak(kernels),
                                       {[&] {
                                          for (std::size_t row = 0; row < rows; row += options.row_block) {
                                            kernels::GemmF32Args args;
                                            args.a = a.data() + row * shape.k;
                                            args.lda = shape.k;
                                            args.b = packed.view();
                                            args.panel_end = packed.panels();
                                            args.c = c.data() + row * shape.n;
                                            args.ldc = shape.n;
                                            args.rows = std::min(options.row_block, rows - row);
                                            args.scratch = scratch.data();
                                            (tiles == nullptr ? kernels.gemm_f32 : tiles->gemm_f32)(args);
                                          }
                                          benchmark::ClobberMemory();
                                        },
                                        flop}};
#ifdef BERTH_BENCH_ONEDNN
  OnednnMatmul onednn(rows, shape.k, shape.n, a.data(), weights.data(), c_onednn.data());
  contenders.push_back({[&] { onednn.run(); }, flop});
#endif
  for (auto _ : state) {
    const Rates rates = interleave(contenders, options.rounds, options.slice_ms * 1e-3);
    state.SetIterationTime(flop / rates.rate(1));
    state.counters["GFLOPS"] = rates.rate(1) * 1e-9;
    state.counters["of_peak"] = rates.ratio(1, 0);
    const bool compared = contenders.size() > 2;
    if (compared) {
      state.counters["oneDNN"] = rates.rate(2) * 1e-9;
      state.counters["ratio"] = rates.ratio(1, 2);
      for (std::size_t i = 0; i < c.size(); ++i)
        if (!(std::fabs(c[i] - c_onednn[i]) <= 1e-3F)) {
          state.SkipWithError("oneDNN's result differs");
          break;
        }
    }
    if (kernels.lanes == 16) judge(name, shape, rows, rates.ratio(1, 0), compared ? rates.ratio(1, 2) : 0.0);
  }
}

// A product of INT8 or BF16, out as the layers keep it: INT8 with scales and bias to BF16 where the set has BF16, else FP32.
template <class Args, class Packed, class Element>
void run_low_gemm(benchmark::State& state, Isa isa, void (*gemm)(const Args&) noexcept, const Packed& packed, const std::vector<Element>& weights, Shape shape,
                  std::size_t rows) {
  constexpr bool bf16 = sizeof(Element) == 2;
  constexpr std::size_t kSteps = 2000;
  const std::size_t stride = packed.view().k_padded + kernels::kLowRowBytes / sizeof(Element);
  base::AlignedBuffer<Element> a((rows + kernels::kLowRows) * stride);
  std::mt19937 engine(3);
  for (std::size_t i = 0; i < a.size(); ++i) a.data()[i] = static_cast<Element>(bf16 ? 0x3f00U + engine() % 0x80U : engine() % 255U);
  const std::vector<float> ones(std::max(shape.n, rows), 1.0F);
  base::AlignedBuffer<float> c(rows * shape.n);
  const double flop = 2.0 * static_cast<double>(rows) * static_cast<double>(shape.k) * static_cast<double>(shape.n);
  const bool bf16_out = kernels::low_kernel_table(isa).gemm_bf16 != nullptr;
  std::vector<Contender> contenders = {{[&] { kernels::run_peak_low(isa, bf16, kSteps); }, kernels::run_peak_low(isa, bf16, kSteps)},
                                       {[&] {
                                          for (std::size_t row = 0; row < rows; row += options.row_block) {
                                            Args args;
                                            args.a = a.data() + row * stride;
                                            args.lda = stride;
                                            if constexpr (!bf16) args.a_scales = ones.data();
                                            args.b = packed.view();
                                            args.panel_end = kernels::panel_count(shape.n, kernels::kLowPanelWidth);
                                            args.bias = ones.data();
                                            args.c = bf16_out ? static_cast<void*>(reinterpret_cast<std::uint16_t*>(c.data()) + row * shape.n)
                                                              : c.data() + row * shape.n;
                                            args.ldc = shape.n;
                                            args.c_is_bf16 = bf16_out;
                                            args.rows = std::min(options.row_block, rows - row);
                                            gemm(args);
                                          }
                                          benchmark::ClobberMemory();
                                        },
                                        flop}};
#ifdef BERTH_BENCH_ONEDNN
  std::vector<Element> dense(rows * shape.k);
  for (std::size_t i = 0; i < dense.size(); ++i) dense[i] = a.data()[i / shape.k * stride + i % shape.k];
  std::vector<float> c_onednn(rows * shape.n);
  OnednnMatmul onednn(rows, shape.k, shape.n, dense.data(), weights.data(), c_onednn.data(),
                      bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::s8);
  contenders.push_back({[&] { onednn.run(); }, flop});
#else
  (void)weights;
#endif
  for (auto _ : state) {
    const Rates rates = interleave(contenders, options.rounds, options.slice_ms * 1e-3);
    state.SetIterationTime(flop / rates.rate(1));
    state.counters["GOPS"] = rates.rate(1) * 1e-9;
    if (contenders[0].work > 0.0) state.counters["of_peak"] = rates.ratio(1, 0);
    if (contenders.size() > 2) {
      state.counters["oneDNN"] = rates.rate(2) * 1e-9;
      state.counters["ratio"] = rates.ratio(1, 2);
    }
  }
}

void run_s8(benchmark::State& state, Isa isa, Shape shape, std::size_t rows) {
  std::mt19937 engine(2);
  std::vector<std::int8_t> weights(shape.n * shape.k);
  std::normal_distribution<float> normal(0.0F, 40.0F);  // as random weights are where the largest of 768 is 127
  for (auto& x : weights) x = static_cast<std::int8_t>(std::clamp(normal(engine), -127.0F, 127.0F));
  kernels::PackedS8 packed(shape.n, shape.k);
  for (std::size_t j = 0; j < shape.n; ++j) packed.set_row(j, weights.data() + j * shape.k, 1.0F);
  const kernels::LowKernelTable& table = kernels::low_kernel_table(isa);
  if (table.bounded_pairs) packed.bound_pairs(base::ThreadPool(1));
  run_low_gemm(state, isa, table.gemm_s8, packed, weights, shape, rows);
}

void run_bf16(benchmark::State& state, Isa isa, Shape shape, std::size_t rows) {
  std::mt19937 engine(2);
  std::vector<std::uint16_t> weights(shape.n * shape.k);
  for (auto& x : weights) x = static_cast<std::uint16_t>(0x3f00U + engine() % 0x80U);
  kernels::PackedBf16 packed(shape.n, shape.k);
  for (std::size_t j = 0; j < shape.n; ++j) packed.set_row(j, weights.data() + j * shape.k);
  run_low_gemm(state, isa, kernels::low_kernel_table(isa).gemm_bf16, packed, weights, shape, rows);
}

void run_attention(benchmark::State& state, const KernelTable& kernels, std::size_t tokens, std::size_t head_size) {
  const std::size_t stride = 3 * 12 * head_size;  // of a model with 12 heads, q, k and v in one matrix
  const std::vector<float> qkv = random_values(tokens * stride);
  std::vector<float> out(tokens * head_size);
  base::AlignedBuffer<float> scratch(kernels.attention_f32_scratch(tokens, head_size));
  const float* q = qkv.data();
  kernels::AttentionArgs args;
  args.q = q;
  args.k = q + stride / 3;
  args.v = q + 2 * stride / 3;
  args.stride = stride;
  args.out = out.data();
  args.out_stride = head_size;
  args.tokens = tokens;
  args.head_size = head_size;
  args.scale = 0.125F;
  args.scratch = scratch.data();
  const double flop = 4.0 * static_cast<double>(tokens * tokens * head_size);
  const std::vector<Contender> contenders = {peak(kernels),
                                             {[&] {
                                                kernels.attention_f32(args);
                                                benchmark::ClobberMemory();
                                              },
                                              flop}};
  for (auto _ : state) {
    const Rates rates = interleave(contenders, options.rounds, options.slice_ms * 1e-3);
    state.SetIterationTime(flop / rates.rate(1));
    state.counters["GFLOPS"] = rates.rate(1) * 1e-9;
    state.counters["of_peak"] = rates.ratio(1, 0);
  }
}

// A kernel over 16 rows of `size` floats, which lie in L1 or L2; restores its input, since some converge when repeated.
template <class F>
void run_rows(benchmark::State& state, std::size_t size, F f) {
  constexpr std::size_t kRowCount = 16;
  const std::vector<float> x = random_values(kRowCount * size);
  std::vector<float> y = x;
  for (auto _ : state) {
    std::memcpy(y.data(), x.data(), x.size() * sizeof(float));
    f(y.data(), kRowCount, size);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(x.size()));
}

void register_all(const std::string& isa, const KernelTable& kernels, Isa selected) {
  for (const Shape& shape : kShapes)
    for (const std::size_t rows : kRows) {
      const std::string name = "gemm/" + isa + "/" + std::to_string(shape.k) + "x" + std::to_string(shape.n) + "/M" + std::to_string(rows);
      benchmark::RegisterBenchmark(name.c_str(), [=, &kernels](benchmark::State& state) { run_gemm(state, name, kernels, nullptr, shape, rows); })
          ->UseManualTime()
          ->Iterations(1)
          ->Unit(benchmark::kMicrosecond);
      const kernels::LowKernelTable* tiles = &kernels::low_kernel_table(selected);
      if (tiles->gemm_f32 == nullptr) continue;
      const std::string by_tiles = "gemm_tiles/" + std::string(kernels::name(selected)) + name.substr(name.find('/', 5));
      benchmark::RegisterBenchmark(by_tiles.c_str(), [=, &kernels](benchmark::State& state) { run_gemm(state, by_tiles, kernels, tiles, shape, rows); })
          ->UseManualTime()
          ->Iterations(1)
          ->Unit(benchmark::kMicrosecond);
    }
  const std::string low_isa(kernels::name(selected));
  for (const Shape& shape : kShapes)
    for (const std::size_t rows : {16U, 128U, 1024U})
      for (const bool bf16 : {false, true}) {
        if (bf16 && kernels::low_kernel_table(selected).gemm_bf16 == nullptr) continue;
        const std::string name =
            (bf16 ? "gemm_bf16/" : "gemm_s8/") + low_isa + "/" + std::to_string(shape.k) + "x" + std::to_string(shape.n) + "/M" + std::to_string(rows);
        benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) { (bf16 ? run_bf16 : run_s8)(state, selected, shape, rows); })
            ->UseManualTime()
            ->Iterations(1)
            ->Unit(benchmark::kMicrosecond);
      }
  for (const std::size_t tokens : {16U, 128U, 512U})
    for (const std::size_t head_size : {32U, 64U}) {
      const std::string name = "attention/" + isa + "/" + std::to_string(tokens) + "x" + std::to_string(head_size);
      benchmark::RegisterBenchmark(name.c_str(), [=, &kernels](benchmark::State& state) { run_attention(state, kernels, tokens, head_size); })
          ->UseManualTime()
          ->Iterations(1)
          ->Unit(benchmark::kMicrosecond);
    }
  const auto rows = [&](const std::string& name, std::size_t size, auto f) {
    benchmark::RegisterBenchmark((name + "/" + isa + "/" + std::to_string(size)).c_str(), [=](benchmark::State& state) { run_rows(state, size, f); });
  };
  const std::vector<float> ones(3072, 1.0F);
  for (const std::size_t size : {384U, 768U}) {
    rows("layer_norm", size, [&kernels, ones](float* x, std::size_t count, std::size_t n) {
      kernels.layer_norm({x, x, n, ones.data(), ones.data(), count, n, 1e-12F});
    });
    rows("rms_norm", size, [&kernels, ones](float* x, std::size_t count, std::size_t n) {
      kernels.rms_norm({x, x, n, ones.data(), nullptr, count, n, 1e-6F});
    });
  }
  const auto activation = [&](const char* name, Activation kind) {
    rows(name, 1536, [&kernels, kind](float* x, std::size_t count, std::size_t n) { kernels.activate(x, count * n, kind); });
  };
  activation("gelu", Activation::gelu);
  activation("gelu_tanh", Activation::gelu_tanh);
  activation("tanh", Activation::tanh);
  activation("copy_alone", Activation::none);  // what the others include
  rows("softmax", 128, [&kernels](float* x, std::size_t count, std::size_t n) { kernels.softmax(x, count, n); });
}

// The kernels go by the lowest instruction set that runs them.
std::string name_of(const KernelTable& kernels) {
  std::string name;
  for (const kernels::IsaStatus& status : kernels::isa_statuses())
    if (status.usable && &kernels::kernel_table(status.isa) == &kernels) name = kernels::name(status.isa);
  return name;
}

// "--name=value" of ours; what remains is Google Benchmark's.
bool take_option(std::string_view argument) {
  const auto value = [&](std::string_view name) { return argument.starts_with(name) ? std::atof(argument.substr(name.size()).data()) : 0.0; };
  if (const double rounds = value("--rounds="); rounds >= 1.0) return options.rounds = static_cast<std::size_t>(rounds), true;
  if (const double slice = value("--slice_ms="); slice > 0.0) return options.slice_ms = slice, true;
  if (const double block = value("--row_block="); block >= 1.0) return options.row_block = static_cast<std::size_t>(block), true;
  return false;
}

// oneDNN and its OpenMP read these when they are loaded, so the program starts itself again with them set.
void set_environment(char** argv, Isa isa) {
  const char* cap = "ALL";
  switch (isa) {
    case Isa::amx: break;
    case Isa::avx512bf16: cap = "AVX512_CORE_BF16"; break;
    case Isa::avx512vnni: cap = "AVX512_CORE_VNNI"; break;
    case Isa::avx512: cap = "AVX512_CORE"; break;
    case Isa::avxvnni: cap = "AVX2_VNNI"; break;
    case Isa::avx2: cap = "AVX2"; break;
    case Isa::baseline: cap = "SSE41"; break;
  }
  if (const char* set = std::getenv("ONEDNN_MAX_CPU_ISA"); set != nullptr && std::strcmp(set, cap) == 0) return;
  setenv("ONEDNN_MAX_CPU_ISA", cap, 1);
  setenv("OMP_NUM_THREADS", "1", 1);
  execv("/proc/self/exe", argv);
  std::perror("kernels_bench: cannot start itself again");
  std::exit(1);
}

int run(int argc, char** argv) {
  const Isa isa = kernels::select_isa();
  const KernelTable& kernels = kernels::kernel_table(isa);
  set_environment(argv, isa);
  benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; ++i)
    if (!take_option(argv[i])) {
      std::fprintf(stderr, "kernels_bench: unknown option %s\n", argv[i]);
      return 2;
    }
  benchmark::AddCustomContext("cpu", kernels::cpu_name());
  benchmark::AddCustomContext("isa", std::string(kernels::name(isa)) + ", whose FP32 kernels are those of " + name_of(kernels));
#ifndef BERTH_BENCH_ONEDNN
  benchmark::AddCustomContext("oneDNN", "not built in: install libdnnl-dev");
#endif
  register_all(name_of(kernels), kernels, isa);
  benchmark::RunSpecifiedBenchmarks();
  for (const std::string& miss : misses) std::fprintf(stderr, "below its target: %s\n", miss.c_str());
  return 0;
}

}  // namespace
}  // namespace berth::bench

int main(int argc, char** argv) {
  try {
    return berth::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kernels_bench: %s\n", error.what());
    return 1;
  }
}
