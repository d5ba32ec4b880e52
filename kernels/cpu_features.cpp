#include "kernels/cpu_features.hpp"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

namespace berth::kernels {

namespace {

struct Registers {
  unsigned a = 0, b = 0, c = 0, d = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf = 0) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d);  // leaves all zero when the leaf is above the CPU's highest
  return r;
}

bool bit(unsigned value, unsigned index) { return (value >> index & 1U) != 0; }

// xgetbv by its opcode: the intrinsic would need -mxsave for this file.
std::uint64_t extended_control_register() {
  unsigned low = 0;
  unsigned high = 0;
  __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

bool request_tile_permission() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM, Linux 5.16
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

CpuFeatures detect() {
  CpuFeatures f;
  const Registers leaf1 = cpuid(1);
  const Registers leaf7 = cpuid(7, 0);
  const Registers leaf7_1 = leaf7.a >= 1 ? cpuid(7, 1) : Registers{};
  f.fma = bit(leaf1.c, 12);
  f.f16c = bit(leaf1.c, 29);
  f.avx2 = bit(leaf7.b, 5);
  f.bmi2 = bit(leaf7.b, 8);
  f.avx512f = bit(leaf7.b, 16);
  f.avx512dq = bit(leaf7.b, 17);
  f.avx512bw = bit(leaf7.b, 30);
  f.avx512vl = bit(leaf7.b, 31);
  f.avx512_vnni = bit(leaf7.c, 11);
  f.amx_bf16 = bit(leaf7.d, 22);
  f.amx_tile = bit(leaf7.d, 24);
  f.amx_int8 = bit(leaf7.d, 25);
  f.avx_vnni = bit(leaf7_1.a, 4);
  f.avx512_bf16 = bit(leaf7_1.a, 5);
  const bool os_uses_xsave = bit(leaf1.c, 27);
  if (os_uses_xsave) {
    const std::uint64_t saved = extended_control_register();
    const auto saves = [saved](std::uint64_t mask) { return (saved & mask) == mask; };
    f.saves_ymm = saves(0x6);        // SSE, AVX
    f.saves_zmm = saves(0xe6);       // and opmasks, ZMM0-15 upper halves, ZMM16-31
    f.saves_tiles = saves(0x60000);  // tile configuration and data
  }
  if (f.amx_tile && f.saves_tiles) f.tiles_permitted = request_tile_permission();
  return f;
}

std::string detect_name() {
  if (cpuid(0x80000000U).a < 0x80000004U) return "unknown CPU";
  std::array<char, 49> text{};
  for (unsigned i = 0; i < 3; ++i) {
    const Registers r = cpuid(0x80000002U + i);
    std::memcpy(text.data() + i * 16, &r, sizeof(r));
  }
  std::string name(text.data());
  const auto begin = name.find_first_not_of(' ');
  return begin == std::string::npos ? "unknown CPU" : name.substr(begin, name.find_last_not_of(' ') - begin + 1);
}

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

const char* cpu_name() {
  static const std::string name = detect_name();
  return name.c_str();
}

}  // namespace berth::kernels
