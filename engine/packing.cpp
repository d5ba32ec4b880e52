#include "engine/packing.hpp"

#include <algorithm>

namespace berth::engine {

namespace {

void multiply(float* x, const float* factors, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) x[i] *= factors[i];
}
void multiply(float* x, float factor, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) x[i] *= factor;
}

struct Packing {
  const kernels::KernelTable& kernels;
  const WeightFactors& factors;
  Linear& to;
  bool widened;  // BF16 weights for an instruction set without BF16 products

  void f32(const RowChunk& chunk, float* rows, std::uint16_t* scratch) const noexcept {
    if (widened) {
      const std::size_t count = chunk.rows * to.in;
      kernels.round_rows(rows, count, 1, count, scratch, count);
      kernels.load_row(rows, scratch, kernels::TableType::bf16, count);
    }
    to.f32.set_rows(chunk.output, chunk.rows, rows);
  }

  void bf16(const RowChunk& chunk, const float* rows, std::uint16_t* scratch) const noexcept {
    for (std::size_t i = 0; i < chunk.rows; ++i) {
      kernels.round_rows(rows + i * to.in, to.in, 1, to.in, scratch, to.in);
      to.bf16.set_row(chunk.output + i, scratch);
    }
  }

  void int8(const RowChunk& chunk, float* rows, std::int8_t* scratch) const noexcept {
    for (std::size_t i = 0; i < chunk.rows; ++i) {
      float* row = rows + i * to.in;
      if (factors.columns.size() > 0) multiply(row, factors.columns.data(), to.in);
      if (factors.rows.size() > 0) multiply(row, factors.rows[chunk.output + i], to.in);
      const float scale = kernels::quantize_weights(row, to.in, scratch);
      to.s8.set_row(chunk.output + i, scratch, scale);
    }
  }
};

}  // namespace

void pack(TensorRows& reader, const LinearSource& source, const WeightFactors& factors, Linear& to) {
  const Compute& compute = reader.compute();
  to.in = source.in;
  to.out = source.out * source.weights.size();
  const bool widened = source.precision == Precision::bf16 && compute.low.gemm_bf16 == nullptr;
  to.precision = widened ? Precision::fp32 : source.precision;
  switch (to.precision) {
    case Precision::fp32: to.f32 = kernels::PackedF32(to.out, to.in, compute.kernels); break;
    case Precision::bf16: to.bf16 = kernels::PackedBf16(to.out, to.in); break;
    case Precision::int8: to.s8 = kernels::PackedS8(to.out, to.in); break;
  }
  const Packing packing{.kernels = compute.kernels, .factors = factors, .to = to, .widened = widened};
  reader.for_each(source.weights, 0, source.out, source.in, [&](const RowChunk& chunk, float* rows, std::uint16_t* scratch, std::size_t) noexcept {
    switch (to.precision) {
      case Precision::fp32: packing.f32(chunk, rows, scratch); return;
      case Precision::bf16: packing.bf16(chunk, rows, scratch); return;
      case Precision::int8: packing.int8(chunk, rows, reinterpret_cast<std::int8_t*>(scratch)); return;
    }
  });
  if (to.precision == Precision::int8 && compute.low.bounded_pairs) to.s8.bound_pairs(compute.pool);
  if (source.biases.empty()) return;
  to.bias = Vector(to.out);
  const std::size_t size = to.out / source.biases.size();
  for (std::size_t part = 0; part < source.biases.size(); ++part) {
    float* bias = to.bias.data() + part * size;
    if (source.biases[part] != nullptr) {
      reader.copy(*source.biases[part], bias);
    } else {
      std::fill_n(bias, size, 0.0F);
    }
  }
  if (factors.rows.size() > 0) multiply(to.bias.data(), factors.rows.data(), to.out);
}

}  // namespace berth::engine
