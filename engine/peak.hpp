// What this machine can multiply and add at most.
#pragma once

#include "base/parallel.hpp"
#include "engine/weights.hpp"
#include "kernels/isa.hpp"

namespace berth::engine {

// Operations per second (a product and its sum are two) of all threads of the pool together, with the units that `isa` uses for the layers of
// `precision`, from registers. Takes `seconds`, split into slices of which the best counts: something else may run on the machine.
double measure_peak(kernels::Isa isa, Precision precision, const base::ThreadPool& pool, double seconds);

}  // namespace berth::engine
