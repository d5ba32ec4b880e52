// Which instruction set runs, and why not a better one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/cpu_features.hpp"
#include "kernels/isa.hpp"
#include "kernels/kernel_table.hpp"

namespace berth::kernels {

std::string_view name(Isa isa);  // "avx512vnni", as in BERTH_ISA

struct IsaStatus {
  Isa isa;
  bool usable;
  std::string reason;  // when not usable: the first thing that is missing
};

// Every instruction set, best first, judged by `features`.
std::vector<IsaStatus> isa_statuses(const CpuFeatures& features = cpu_features());

// The kernels that an instruction set runs: its own where it has some, else those of the one below. Must be usable here.
const KernelTable& kernel_table(Isa isa);
const LowKernelTable& low_kernel_table(Isa isa);

// The best usable instruction set that is no higher than `cap`: an instruction set's name, or empty for BERTH_ISA's value, or none. Throws
// base::Error{invalid_argument} when the name is unknown or names a set this machine cannot use; the message lists the usable ones.
Isa select_isa(std::string_view cap = {});

}  // namespace berth::kernels
