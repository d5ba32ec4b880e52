// What the CPU and the operating system together offer: CPUID says what the CPU has, XCR0 which registers the system saves, and AMX
// additionally needs a permission that the kernel grants per process.
#pragma once

namespace berth::kernels {

struct CpuFeatures {
  // CPUID
  bool avx2 = false, fma = false, f16c = false, bmi2 = false;
  bool avx_vnni = false;
  bool avx512f = false, avx512bw = false, avx512vl = false, avx512dq = false;
  bool avx512_vnni = false, avx512_bf16 = false;
  bool amx_tile = false, amx_int8 = false, amx_bf16 = false;
  // XCR0: the system saves these registers across a context switch
  bool saves_ymm = false, saves_zmm = false, saves_tiles = false;
  // arch_prctl(ARCH_REQ_XCOMP_PERM) succeeded; only asked for when the CPU and the system have tiles
  bool tiles_permitted = false;
};

// Of this machine, detected once.
const CpuFeatures& cpu_features();

// The CPU's name as it states it itself (CPUID leaves 0x80000002 to 4).
const char* cpu_name();

}  // namespace berth::kernels
