#include "kernels/isa/baseline.hpp"

#include "kernels/generic/make_table.hpp"
#include "kernels/isa/tables.hpp"

namespace berth::kernels {

constinit const KernelTable kBaselineTable = make_table<Baseline>();

}  // namespace berth::kernels
