#include "kernels/isa/avx512.hpp"

#include "kernels/generic/make_low_table.hpp"
#include "kernels/generic/make_table.hpp"
#include "kernels/isa/tables.hpp"

namespace berth::kernels {

constinit const KernelTable kAvx512Table = make_table<Avx512>();

constinit const LowKernelTable kAvx512LowTable = make_bounded_low_table<Avx512>();

}  // namespace berth::kernels
