#include "kernels/dispatch.hpp"

#include <array>
#include <cstdlib>

#include "base/error.hpp"
#include "kernels/isa/tables.hpp"

namespace berth::kernels {

namespace {

using Missing = const char* (*)(const CpuFeatures&);  // what is missing, or null

const char* missing_avx2(const CpuFeatures& f) {
  if (!f.avx2 || !f.fma || !f.f16c || !f.bmi2) return "the CPU lacks AVX2, FMA, F16C or BMI2";
  return f.saves_ymm ? nullptr : "the operating system does not save the YMM registers (XCR0)";
}
const char* missing_avxvnni(const CpuFeatures& f) {
  if (const char* reason = missing_avx2(f)) return reason;
  return f.avx_vnni ? nullptr : "the CPU lacks AVX-VNNI";
}
const char* missing_avx512(const CpuFeatures& f) {
  if (const char* reason = missing_avx2(f)) return reason;
  if (!f.avx512f || !f.avx512bw || !f.avx512vl || !f.avx512dq) return "the CPU lacks AVX-512 F, BW, VL or DQ";
  return f.saves_zmm ? nullptr : "the operating system does not save the ZMM registers (XCR0)";
}
const char* missing_avx512vnni(const CpuFeatures& f) {
  if (const char* reason = missing_avx512(f)) return reason;
  return f.avx512_vnni ? nullptr : "the CPU lacks AVX-512 VNNI";
}
const char* missing_avx512bf16(const CpuFeatures& f) {
  if (const char* reason = missing_avx512vnni(f)) return reason;
  return f.avx512_bf16 ? nullptr : "the CPU lacks AVX-512 BF16";
}
const char* missing_amx(const CpuFeatures& f) {
  if (const char* reason = missing_avx512bf16(f)) return reason;
  if (!f.amx_tile || !f.amx_int8 || !f.amx_bf16) return "the CPU lacks AMX tiles, INT8 or BF16";
  if (!f.saves_tiles) return "the operating system does not save the AMX tiles (XCR0)";
  return f.tiles_permitted ? nullptr : "the operating system refused permission to use AMX (a thread's signal stack may be too small)";
}

// The whole policy, best first. A row's set runs on any CPU that the rows' requirements below it also accept, except avxvnni beside avx512.
struct Row {
  Isa isa;
  std::string_view name;
  Missing missing;
  const KernelTable* kernels;
  const LowKernelTable* low;
};
constexpr std::array<Row, kIsaCount> kRows = {{
    {Isa::amx, "amx", missing_amx, &kAvx512Table, &kAmxLowTable},
    {Isa::avx512bf16, "avx512bf16", missing_avx512bf16, &kAvx512Table, &kAvx512Bf16LowTable},
    {Isa::avx512vnni, "avx512vnni", missing_avx512vnni, &kAvx512Table, &kAvx512VnniLowTable},
    {Isa::avx512, "avx512", missing_avx512, &kAvx512Table, &kAvx512LowTable},
    {Isa::avxvnni, "avxvnni", missing_avxvnni, &kAvx2Table, &kAvxVnniLowTable},
    {Isa::avx2, "avx2", missing_avx2, &kAvx2Table, &kAvx2LowTable},
    {Isa::baseline, "baseline", [](const CpuFeatures&) -> const char* { return nullptr; }, &kBaselineTable, &kBaselineLowTable},
}};

const Row& row(Isa isa) {
  for (const Row& r : kRows)
    if (r.isa == isa) return r;
  return kRows.back();
}

std::string usable_names() {
  std::string names;
  for (const Row& r : kRows)
    if (r.missing(cpu_features()) == nullptr) names += (names.empty() ? "" : ", ") + std::string(r.name);
  return names;
}

}  // namespace

std::string_view name(Isa isa) { return row(isa).name; }

std::vector<IsaStatus> isa_statuses(const CpuFeatures& features) {
  std::vector<IsaStatus> statuses;
  for (const Row& r : kRows) {
    const char* reason = r.missing(features);
    statuses.push_back({r.isa, reason == nullptr, reason == nullptr ? "" : reason});
  }
  return statuses;
}

const KernelTable& kernel_table(Isa isa) { return *row(isa).kernels; }
const LowKernelTable& low_kernel_table(Isa isa) { return *row(isa).low; }

Isa select_isa(std::string_view cap) {
  const char* source = "isa";
  if (cap.empty()) {
    const char* variable = std::getenv("BERTH_ISA");
    if (variable != nullptr) cap = variable;
    source = "BERTH_ISA";
  }
  for (const Row& r : kRows) {
    const char* reason = r.missing(cpu_features());
    if (cap.empty() && reason == nullptr) return r.isa;
    if (r.name != cap) continue;
    if (reason == nullptr) return r.isa;
    throw base::Error(base::ErrorCode::invalid_argument,
                      std::string(source) + ": \"" + std::string(cap) + "\" cannot run here: " + reason + "; usable on this machine: " + usable_names());
  }
  throw base::Error(base::ErrorCode::invalid_argument,
                    std::string(source) + ": unknown instruction set " + base::quoted(cap) + "; usable on this machine: " + usable_names());
}

}  // namespace berth::kernels
