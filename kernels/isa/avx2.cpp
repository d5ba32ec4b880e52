#include "kernels/isa/avx2.hpp"

#include "kernels/generic/make_low_table.hpp"
#include "kernels/generic/make_table.hpp"
#include "kernels/isa/tables.hpp"

namespace berth::kernels {

constinit const KernelTable kAvx2Table = make_table<Avx2>();
constinit const LowKernelTable kAvx2LowTable = make_bounded_low_table<Avx2>();

}  // namespace berth::kernels
