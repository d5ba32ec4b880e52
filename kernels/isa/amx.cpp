#include "kernels/isa/amx.hpp"

#include "kernels/generic/make_low_table.hpp"
#include "kernels/isa/amx_f32.hpp"
#include "kernels/isa/tables.hpp"

namespace berth::kernels {

static_assert(kReadsAhead<Avx512Bf16> && !kReadsAhead<Amx>);
constinit const LowKernelTable kAmxLowTable = make_low_table<Amx, AmxTile<Amx::S8>, AmxTile<Amx::Bf16>, AmxF32<Amx>>();

}  // namespace berth::kernels
