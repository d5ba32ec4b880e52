#include "kernels/isa/baseline.hpp"

#include "kernels/generic/make_low_table.hpp"
#include "kernels/generic/make_table.hpp"
#include "kernels/isa/tables.hpp"

namespace berth::kernels {

constinit const KernelTable kBaselineTable = make_table<Baseline>();
constinit const LowKernelTable kBaselineLowTable = make_low_table<Baseline, LowTile<Baseline, S8Product<Baseline>>>();

}  // namespace berth::kernels
