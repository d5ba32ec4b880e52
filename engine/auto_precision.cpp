#include "engine/auto_precision.hpp"

#include <algorithm>
#include <array>

#include "kernels/dispatch.hpp"

namespace berth::engine {

namespace {

using enum Precision;
using kernels::Isa;

// INT8 where 8-bit products are several times as fast as FP32. Where they are not (no VNNI), FP32 is not much slower, and exact. BF16 where it is native.
constexpr std::array kTable = {
    AutoPrecisionRow{Isa::amx, int8, bf16},      AutoPrecisionRow{Isa::avx512bf16, int8, bf16}, AutoPrecisionRow{Isa::avx512vnni, int8, fp32},
    AutoPrecisionRow{Isa::avx512, fp32, fp32},   AutoPrecisionRow{Isa::avxvnni, int8, fp32},    AutoPrecisionRow{Isa::avx2, fp32, fp32},
    AutoPrecisionRow{Isa::baseline, fp32, fp32},
};
static_assert(kTable.size() == kernels::kIsaCount);

// What makes 8 bits a row too coarse for an architecture; empty: nothing.
std::string_view delicate_because(const ModelConfig& config) {
  if (config.disentangled.span > 0) return "disentangled attention";
  if (config.experts.count > 0) return "a choice of experts";
  if (config.body.gate != Gate::none) return "a gated feed-forward block";
  if (config.body.pre_norm) return "norms before the blocks";
  return {};
}

}  // namespace

std::span<const AutoPrecisionRow> auto_precision_table() noexcept { return kTable; }

AutoPrecision auto_precision(const ModelConfig& config, Isa isa) {
  const std::string_view why = delicate_because(config);
  const AutoPrecisionRow& row = *std::find_if(kTable.begin(), kTable.end(), [&](const AutoPrecisionRow& r) { return r.isa == isa; });
  const Precision precision = why.empty() ? row.sturdy : row.delicate;
  const std::string set(kernels::name(isa));
  const std::string layers = why.empty() ? "layers with norms behind their blocks keep their accuracy in INT8" : std::string(why) + " is delicate in INT8";
  switch (precision) {
    case int8: return {precision, layers + ", and " + set + " has fast 8-bit products"};
    case bf16: return {precision, layers + ", and " + set + " has BF16 products"};
    case fp32: break;
  }
  return {precision, why.empty() ? set + " has no fast 8-bit products" : layers + ", and " + set + " has no BF16 products"};
}

}  // namespace berth::engine
