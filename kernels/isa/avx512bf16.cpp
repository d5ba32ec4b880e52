#include "kernels/isa/avx512bf16.hpp"

#include "kernels/generic/make_low_table.hpp"
#include "kernels/isa/tables.hpp"

namespace berth::kernels {

constinit const LowKernelTable kAvx512Bf16LowTable =
    make_low_table<Avx512Bf16, LowTile<Avx512Bf16, S8Product<Avx512Bf16>>, LowTile<Avx512Bf16, Bf16Product<Avx512Bf16>>>();

}  // namespace berth::kernels
