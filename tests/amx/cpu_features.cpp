// The linker sends calls of kernels::cpu_features() here (CMakeLists.txt: --wrap). With BERTH_TEST_EMULATE_AMX=1 the CPU then has AMX, too.
#include "kernels/cpu_features.hpp"

#include <cstdio>
#include <cstdlib>

#include "tests/amx/emulator.hpp"

// The symbols that --wrap makes of _ZN5berth7kernels12cpu_featuresEv.
extern "C" const berth::kernels::CpuFeatures& __real__ZN5berth7kernels12cpu_featuresEv();
extern "C" const berth::kernels::CpuFeatures& __wrap__ZN5berth7kernels12cpu_featuresEv();

namespace {

[[noreturn]] void skip(const char* reason) {
  std::printf("skipped: %s\n", reason);
  std::fflush(stdout);
  std::_Exit(77);
}

berth::kernels::CpuFeatures features() {
  berth::kernels::CpuFeatures f = __real__ZN5berth7kernels12cpu_featuresEv();
  if (std::getenv("BERTH_TEST_EMULATE_AMX") == nullptr) return f;
  if (f.amx_tile && f.tiles_permitted) skip("this CPU has AMX: the same test without an emulator runs it");
  if (!f.avx512_bf16 || !f.saves_zmm) skip("the emulator of AMX needs a CPU with AVX-512 BF16");
  berth::test::emulate_amx();
  f.amx_tile = f.amx_int8 = f.amx_bf16 = true;
  f.saves_tiles = f.tiles_permitted = true;
  return f;
}

}  // namespace

const berth::kernels::CpuFeatures& __wrap__ZN5berth7kernels12cpu_featuresEv() {
  static const berth::kernels::CpuFeatures wrapped = features();
  return wrapped;
}
