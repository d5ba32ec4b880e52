#include "kernels/isa/avx512vnni.hpp"

#include "kernels/generic/make_low_table.hpp"
#include "kernels/isa/tables.hpp"

namespace berth::kernels {

constinit const LowKernelTable kAvx512VnniLowTable = make_low_table<Avx512Vnni, LowTile<Avx512Vnni, S8Product<Avx512Vnni>>>();

}  // namespace berth::kernels
