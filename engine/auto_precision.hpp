// What precision "auto" stands for: decided by the instruction set and the architecture alone, never by weights, load or batch, so that the same
// directory on the same machine always means the same arithmetic.
#pragma once

#include <span>
#include <string>

#include "engine/model_config.hpp"
#include "engine/weights.hpp"
#include "kernels/isa.hpp"

namespace berth::engine {

// The table; docs/quantization.md shows it and the figures behind it.
struct AutoPrecisionRow {
  kernels::Isa isa;
  Precision sturdy;    // architectures whose layers keep their accuracy in INT8
  Precision delicate;  // the others
};
std::span<const AutoPrecisionRow> auto_precision_table() noexcept;

struct AutoPrecision {
  Precision precision;
  std::string reason;  // a sentence about this machine and this architecture
};
AutoPrecision auto_precision(const ModelConfig& config, kernels::Isa isa);

}  // namespace berth::engine
