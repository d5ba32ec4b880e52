// What AMX's tile instructions take on one core, by how many of the eight tiles hold values: of each, the median and the least of many rounds, in
// nanoseconds an instruction. Alone on a core it makes no difference; while another thread has the core's other half it shows how many registers
// tiles are renamed to (docs/performance.md).
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
void load(const unsigned char* from) noexcept {
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(std::size_t{64}), "i"(tile));
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
