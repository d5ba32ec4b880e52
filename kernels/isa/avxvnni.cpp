#include "kernels/isa/avxvnni.hpp"

#include "kernels/generic/make_low_table.hpp"
#include "kernels/isa/tables.hpp"

namespace berth::kernels {

constinit const LowKernelTable kAvxVnniLowTable = make_low_table<AvxVnni, LowTile<AvxVnni, S8Product<AvxVnni>>>();

}  // namespace berth::kernels
