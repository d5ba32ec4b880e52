// Which instruction set is chosen, and the reason that is given for every other: with CPUs that are made up.
#include "kernels/dispatch.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/error.hpp"
#include "kernels/isa/tables.hpp"
#include "tests/kernels/kernel_test.hpp"

namespace berth::kernels {
namespace {

CpuFeatures everything() {
  CpuFeatures f;
  f.avx2 = f.fma = f.f16c = f.bmi2 = true;
  f.avx_vnni = true;
  f.avx512f = f.avx512bw = f.avx512vl = f.avx512dq = true;
  f.avx512_vnni = f.avx512_bf16 = true;
  f.amx_tile = f.amx_int8 = f.amx_bf16 = true;
  f.saves_ymm = f.saves_zmm = f.saves_tiles = true;
  f.tiles_permitted = true;
  return f;
}

std::map<Isa, std::string> reasons(const CpuFeatures& features) {
  std::map<Isa, std::string> result;
  for (const IsaStatus& status : isa_statuses(features)) {
    EXPECT_EQ(status.usable, status.reason.empty()) << name(status.isa);
    result[status.isa] = status.reason;
  }
  return result;
}

std::vector<Isa> usable(const CpuFeatures& features) {
  std::vector<Isa> result;
  for (const IsaStatus& status : isa_statuses(features))
    if (status.usable) result.push_back(status.isa);
  return result;
}

TEST(IsaStatuses, ListsEveryInstructionSetOnceBestFirst) {
  const std::vector<Isa> best_first = {Isa::amx, Isa::avx512bf16, Isa::avx512vnni, Isa::avx512, Isa::avxvnni, Isa::avx2, Isa::baseline};
  EXPECT_EQ(usable(everything()), best_first);
  EXPECT_EQ(isa_statuses(CpuFeatures{}).size(), static_cast<std::size_t>(kIsaCount));
  EXPECT_EQ(usable(CpuFeatures{}), std::vector<Isa>{Isa::baseline});
}

TEST(IsaStatuses, NamesAreThoseOfTheDocumentation) {
  const std::vector<std::string_view> names = {"baseline", "avx2", "avxvnni", "avx512", "avx512vnni", "avx512bf16", "amx"};
  for (int i = 0; i < kIsaCount; ++i) EXPECT_EQ(name(static_cast<Isa>(i)), names[static_cast<std::size_t>(i)]);
}

// Each single thing that a CPU or system may lack: which sets go with it, and what the first of them says.
struct Lack {
  const char* what;
  bool CpuFeatures::*missing;
  std::vector<Isa> lost;
  const char* reason;
};

const std::vector<Isa> kWide = {Isa::amx, Isa::avx512bf16, Isa::avx512vnni, Isa::avx512};
const std::vector<Isa> kAllButBaseline = {Isa::amx, Isa::avx512bf16, Isa::avx512vnni, Isa::avx512, Isa::avxvnni, Isa::avx2};
const std::vector<Lack> kLacks = {
    {"avx2", &CpuFeatures::avx2, kAllButBaseline, "AVX2"},
    {"fma", &CpuFeatures::fma, kAllButBaseline, "FMA"},
    {"f16c", &CpuFeatures::f16c, kAllButBaseline, "F16C"},
    {"bmi2", &CpuFeatures::bmi2, kAllButBaseline, "BMI2"},
    {"saves_ymm", &CpuFeatures::saves_ymm, kAllButBaseline, "YMM registers (XCR0)"},
    {"avx_vnni", &CpuFeatures::avx_vnni, {Isa::avxvnni}, "AVX-VNNI"},
    {"avx512f", &CpuFeatures::avx512f, kWide, "AVX-512 F"},
    {"avx512bw", &CpuFeatures::avx512bw, kWide, "BW"},
    {"avx512vl", &CpuFeatures::avx512vl, kWide, "VL"},
    {"avx512dq", &CpuFeatures::avx512dq, kWide, "DQ"},
    {"saves_zmm", &CpuFeatures::saves_zmm, kWide, "ZMM registers (XCR0)"},
    {"avx512_vnni", &CpuFeatures::avx512_vnni, {Isa::amx, Isa::avx512bf16, Isa::avx512vnni}, "AVX-512 VNNI"},
    {"avx512_bf16", &CpuFeatures::avx512_bf16, {Isa::amx, Isa::avx512bf16}, "AVX-512 BF16"},
    {"amx_tile", &CpuFeatures::amx_tile, {Isa::amx}, "AMX tiles"},
    {"amx_int8", &CpuFeatures::amx_int8, {Isa::amx}, "INT8"},
    {"amx_bf16", &CpuFeatures::amx_bf16, {Isa::amx}, "BF16"},
    {"saves_tiles", &CpuFeatures::saves_tiles, {Isa::amx}, "AMX tiles (XCR0)"},
    {"tiles_permitted", &CpuFeatures::tiles_permitted, {Isa::amx}, "refused permission to use AMX"},
};

TEST(IsaStatuses, EachLackTakesExactlyTheSetsThatNeedItAndSaysWhy) {
  for (const Lack& lack : kLacks) {
    CpuFeatures features = everything();
    features.*lack.missing = false;
    for (const auto& [isa, reason] : reasons(features)) {
      const bool lost = std::find(lack.lost.begin(), lack.lost.end(), isa) != lack.lost.end();
      EXPECT_EQ(!reason.empty(), lost) << name(isa) << " without " << lack.what << ": " << reason;
      if (lost) {
        EXPECT_NE(reason.find(lack.reason), std::string::npos) << name(isa) << " without " << lack.what << ": " << reason;
      }
    }
  }
}

TEST(IsaStatuses, AnOldCpuWithoutXsaveHasTheBaselineAlone) {
  CpuFeatures features = everything();
  features.saves_ymm = features.saves_zmm = features.saves_tiles = features.tiles_permitted = false;
  EXPECT_EQ(usable(features), std::vector<Isa>{Isa::baseline});
}

TEST(KernelTables, ASetWithoutKernelsOfItsOwnRunsThoseBelow) {
  EXPECT_EQ(&kernel_table(Isa::baseline), &kBaselineTable);
  EXPECT_EQ(&kernel_table(Isa::avx2), &kAvx2Table);
  EXPECT_EQ(&kernel_table(Isa::avxvnni), &kAvx2Table);
  for (const Isa isa : {Isa::avx512, Isa::avx512vnni, Isa::avx512bf16, Isa::amx}) EXPECT_EQ(&kernel_table(isa), &kAvx512Table);
}

// Sets BERTH_ISA for a scope.
class IsaVariable {
 public:
  explicit IsaVariable(const char* value) {
    if (const char* before = std::getenv("BERTH_ISA")) before_ = before;
    if (value == nullptr) unsetenv("BERTH_ISA");
    if (value != nullptr) setenv("BERTH_ISA", value, 1);
  }
  ~IsaVariable() {
    if (before_.empty()) unsetenv("BERTH_ISA");
    if (!before_.empty()) setenv("BERTH_ISA", before_.c_str(), 1);
  }
  IsaVariable(const IsaVariable&) = delete;
  IsaVariable& operator=(const IsaVariable&) = delete;

 private:
  std::string before_;
};

std::string usable_list() {
  std::string list;
  for (const Isa isa : usable(cpu_features())) list += (list.empty() ? "" : ", ") + std::string(name(isa));
  return list;
}

void expect_refused(std::string_view cap, const std::string& part) {
  try {
    select_isa(cap);
    ADD_FAILURE() << "\"" << cap << "\" was accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::invalid_argument);
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("usable on this machine: " + usable_list()), std::string::npos) << error.what();
  }
}

TEST(SelectIsa, TakesTheBestWithoutACap) {
  const IsaVariable none(nullptr);
  EXPECT_EQ(select_isa(), usable(cpu_features()).front());
  const IsaVariable empty("");
  EXPECT_EQ(select_isa(), usable(cpu_features()).front());
}

TEST(SelectIsa, ObeysEveryUsableNameAndRefusesTheOthers) {
  const IsaVariable none(nullptr);
  for (const IsaStatus& status : isa_statuses()) {
    if (status.usable) {
      EXPECT_EQ(select_isa(name(status.isa)), status.isa);
    } else {
      expect_refused(name(status.isa), status.reason);
    }
  }
}

TEST(SelectIsa, RefusesUnknownNames) {
  const IsaVariable none(nullptr);
  for (const char* unknown : {"avx", "AVX2", "avx2 ", "avx512f", "best", "0", "avx2,amx"}) expect_refused(unknown, unknown);
}

TEST(SelectIsa, IsLoweredByTheEnvironment) {
  for (const IsaStatus& status : isa_statuses()) {
    const IsaVariable variable(std::string(name(status.isa)).c_str());
    if (status.usable) {
      EXPECT_EQ(select_isa(), status.isa);
    } else {
      expect_refused("", "BERTH_ISA: ");
    }
  }
  const IsaVariable variable("sse9");
  expect_refused("", "BERTH_ISA: unknown instruction set \"sse9\"");
}

}  // namespace
}  // namespace berth::kernels
