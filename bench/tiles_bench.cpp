// What AMX's tile instructions take on one core: of each, the median and the least of many rounds, in nanoseconds (docs/performance.md).
//
// First a load and a product, by how many of the eight tiles hold values. Alone on a core it makes no difference; while another thread has the core's other
// half it shows how many registers tiles are renamed to. Then a step of products, 32 rows by 32 outputs by 64 inputs, while 64 rows pass over weights that come
// from memory, 192 KB at a time: by in how many streams the next ones are asked for.
//
//   tiles_bench [ROUNDS]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "bench/interleave.hpp"
#include "kernels/cpu_features.hpp"
#include "kernels/dispatch.hpp"

namespace berth::bench {
namespace {

constexpr int kTiles = 8;
constexpr int kBatch = 64;
constexpr std::size_t kBatches = 64;

class Configured {
 public:
  Configured() noexcept {
    alignas(64) unsigned char config[64] = {};
    config[0] = 1;  // palette
    for (int tile = 0; tile < kTiles; ++tile) {
      config[16 + 2 * tile] = 64;  // bytes a row
      config[48 + tile] = 16;      // rows
    }
    __asm__ volatile("ldtilecfg %0" : : "m"(config));
  }
  ~Configured() { __asm__ volatile("tilerelease"); }
  Configured(const Configured&) = delete;
  Configured& operator=(const Configured&) = delete;
};

template <int tile>
void load(const unsigned char* from, std::size_t stride = 64) noexcept {
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(tile));
}
// Tiles [0, values); the others are zeros.
template <int... tile>
void fill(const unsigned char* from, int values, std::integer_sequence<int, tile...>) noexcept {
  ((tile < values ? load<tile>(from) : void()), ...);
}

void loads(const unsigned char* from, int values) noexcept {
  const Configured configured;
  fill(from, values, std::make_integer_sequence<int, kTiles>{});
  for (std::size_t i = 0; i < kBatches; ++i)
    __asm__ volatile(".rept %c2\n\ttileloadd (%0,%1,1), %%tmm0\n\t.endr" : : "r"(from), "r"(std::size_t{64}), "i"(kBatch));
}

void products(const unsigned char* from, int values) noexcept {
  const Configured configured;
  fill(from, values, std::make_integer_sequence<int, kTiles>{});
  for (std::size_t i = 0; i < kBatches; ++i) __asm__ volatile(".rept %c0\n\ttdpbssd %%tmm7, %%tmm6, %%tmm0\n\t.endr" : : "i"(kBatch));
}

// ---- products while weights come from memory ----

constexpr std::size_t kWeights = std::size_t{84} << 20;
constexpr std::size_t kGroup = 192 * 1024;  // passes over all rows while the next one comes
constexpr std::size_t kStep = 2 * 1024;     // two tiles of weights
constexpr std::size_t kRowBlocks = 2;       // of 32 rows
constexpr std::size_t kRowBytes = 832;
constexpr std::size_t kDepth = 12;  // steps, after which the rows begin anew
constexpr std::size_t kParts = 4;   // of a step, which asks for so many times so many lines:
constexpr std::size_t kLines = kStep / 64 / kRowBlocks / kParts;

void apart() noexcept { __asm__ volatile(".rept 8\n\t.byte 0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0\n\t.endr"); }
template <int tile>
void load_apart(const unsigned char* from, std::size_t stride) noexcept {
  load<tile>(from, stride);
  apart();
}
template <int to, int rows, int weights>
void multiply() noexcept {
  __asm__ volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(to), "i"(rows), "i"(weights));
}
template <int tile>
void zero() noexcept {
  __asm__ volatile("tilezero %%tmm%c0" : : "i"(tile));
}

// Of all the weights, or of the first group again and again.
void multiply_all(const unsigned char* rows, const unsigned char* weights, std::size_t streams, bool again) noexcept {
  const Configured configured;
  const std::size_t apart_by = streams == 0 ? 0 : kGroup / streams;
  for (std::size_t group = 0; group < kWeights / kGroup; ++group) {
    const unsigned char* const now = weights + (again ? 0 : group * kGroup);
    const unsigned char* next = weights + (group + 1) * kGroup % (kWeights / kGroup * kGroup);
    std::size_t stream = 0;
    const auto ask = [&] {  // each time of the next stream
      if (streams == 0) return;
      for (std::size_t line = 0; line < kLines; ++line) __builtin_prefetch(next + stream * apart_by + line * 64, 0, 2);
      if (++stream < streams) return;
      stream = 0;
      next += kLines * 64;
    };
    for (std::size_t block = 0; block < kRowBlocks; ++block) {
      for (std::size_t step = 0; step < kGroup / kStep; ++step) {
        const unsigned char* const a = rows + block * 32 * kRowBytes + step % kDepth * 64;
        const unsigned char* const b = now + step * kStep;
        load_apart<6>(b, 64);
        ask();
        load_apart<4>(a, kRowBytes);
        multiply<0, 4, 6>();
        ask();
        apart();
        load_apart<5>(a + 16 * kRowBytes, kRowBytes);
        multiply<2, 5, 6>();
        apart();
        zero<6>();
        load_apart<6>(b + kStep / 2, 64);
        multiply<3, 5, 6>();
        apart();
        zero<5>();
        multiply<1, 4, 6>();
        ask();
        apart();
        ask();
        zero<4>();
        zero<6>();
      }
    }
  }
}

void time_streams(std::size_t rounds) {
  base::AlignedBuffer<unsigned char> rows(kRowBlocks * 32 * kRowBytes);
  base::AlignedBuffer<unsigned char> weights(kWeights);
  std::fill(weights.data(), weights.data() + weights.size(), static_cast<unsigned char>(1));  // pages of its own
  const double steps = static_cast<double>(kWeights / kGroup * (kGroup / kStep) * kRowBlocks);
  struct Way {
    const char* name;
    std::size_t streams;
    bool again;
  };
  constexpr Way kWays[] = {
      {"none: weights in L2", 0, true}, {"none", 0, false}, {"1", 1, false}, {"2", 2, false}, {"4", 4, false}, {"8", 8, false}, {"16", 16, false}};
  std::vector<Contender> contenders;
  for (const Way& way : kWays) contenders.push_back({[&, way] { multiply_all(rows.data(), weights.data(), way.streams, way.again); }, steps});
  const Rates rates = interleave(contenders, rounds, 2e-4);
  std::printf("\n| streams | ns a step | least |\n| --- | --- | --- |\n");
  for (std::size_t i = 0; i < contenders.size(); ++i)
    std::printf("| %s | %.1f | %.1f |\n", kWays[i].name, 1e9 / rates.rate(i), 1e9 / *std::max_element(rates.rates[i].begin(), rates.rates[i].end()));
}

int run(std::size_t rounds) {
  if (kernels::select_isa() != kernels::Isa::amx) {
    std::fprintf(stderr, "tiles_bench: this machine has no AMX, or BERTH_ISA forbids it\n");
    return 1;
  }
  base::AlignedBuffer<unsigned char> memory(1024);
  std::vector<Contender> contenders;
  for (int values = 1; values <= kTiles; ++values) {
    contenders.push_back({[&memory, values] { loads(memory.data(), values); }, kBatch * kBatches});
    contenders.push_back({[&memory, values] { products(memory.data(), values); }, kBatch * kBatches});
  }
  const Rates rates = interleave(contenders, rounds, 2e-4);
  std::printf("%s\n| tiles with values | ns a load | least | ns a product | least |\n| --- | --- | --- | --- | --- |\n", kernels::cpu_name());
  for (std::size_t i = 0; i < contenders.size(); i += 2) {
    std::printf("| %zu", i / 2 + 1);
    for (const std::size_t of : {i, i + 1}) {
      const std::vector<double>& all = rates.rates[of];
      std::printf(" | %.1f | %.1f", 1e9 / median(all), 1e9 / *std::max_element(all.begin(), all.end()));
    }
    std::printf(" |\n");
  }
  time_streams((rounds + 9) / 10);
  return 0;
}

}  // namespace
}  // namespace berth::bench

int main(int argc, char** argv) {
  try {
    return berth::bench::run(argc > 1 ? std::max<std::size_t>(1, std::strtoul(argv[1], nullptr, 10)) : 201);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tiles_bench: %s\n", error.what());
    return 1;
  }
}
