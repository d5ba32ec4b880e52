#include "kernels/isa/avx2.hpp"

#include "kernels/generic/make_table.hpp"
#include "kernels/isa/tables.hpp"

namespace berth::kernels {

constinit const KernelTable kAvx2Table = make_table<Avx2>();

}  // namespace berth::kernels
