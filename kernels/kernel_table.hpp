// What one instruction set offers: a table of functions, filled once per kernels/isa/*.cpp. Kernels do arithmetic only: no threads, no
// allocation, no errors. All are reentrant; their results depend on their arguments and the instruction set alone.
//
// This header is compiled with every instruction set's flags: it may include nothing but plain C types.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/activation.hpp"

namespace berth::kernels {

// A weight matrix [n, k] (one row per output, as safetensors stores a Linear) laid out for gemm_f32: panels of `panel_width` outputs, each
// [k, panel_width] contiguous, so that one step of k reads consecutive vectors. The last panel is as wide as whole vectors of its outputs need
// and padded with zeros.
struct PackedF32View {
  const float* data = nullptr;
  std::size_t n = 0;
  std::size_t k = 0;
};

// c[i, j] = activation(bias[j] + sum_k a[i, k] * b[j, k]) + residual[i, j] for j in panels [panel_begin, panel_end).
// Each sum runs over k in ascending order in one chain of fused multiply-adds (of separate multiply and add on `baseline`) that starts from
// bias[j], whatever the number of rows or the blocking: a row's result never depends on its neighbours.
struct GemmF32Args {
  const float* a = nullptr;  // [rows, k], row stride lda
  std::size_t lda = 0;
  PackedF32View b;
  std::size_t panel_begin = 0;
  std::size_t panel_end = 0;
  const float* bias = nullptr;      // [n] or null
  const float* residual = nullptr;  // [rows, n] with row stride ldr, or null; must not overlap c
  std::size_t ldr = 0;
  float* c = nullptr;  // [rows, n], row stride ldc
  std::size_t ldc = 0;
  std::size_t rows = 0;
  Activation activation = Activation::none;
  const void* next = nullptr;  // as in LowOutput
  std::size_t next_bytes = 0;
  bool reads_ahead = false;  // LowKernelTable::reads_ahead; changes no result
  float* scratch = nullptr;  // for LowKernelTable::gemm_f32 alone: as many floats as gemm_f32_scratch says, 64-byte aligned
};

// Low-precision weights [n, k]: panels of 16 outputs, each [k_padded / group, 16, group] contiguous, where a group is what fits 32 bits (four s8 or
// two BF16): one layout for every instruction set, and the one AMX tiles want. k_padded fills whole 64-byte rows, n whole panels, with zeros.
inline constexpr std::size_t kLowPanelWidth = 16;
inline constexpr std::size_t kLowRowBytes = 64;
// Rows of activations for low-precision products must be readable up to a multiple of this: tiles are computed whole.
inline constexpr std::size_t kLowRows = 16;

// How the groups of a matrix with bounded pairs (PackedS8::bound_pairs) are stored: four values of k may be in another order, every second of them negated,
// so that the sums of two neighbours stay within kPairBound for all outputs of a panel. What is beyond it in every order comes on top, from a list.
struct S8Order {
  std::uint8_t k[4];
  bool negates;  // the second and the fourth
};
inline constexpr S8Order kS8Orders[] = {{{0, 1, 2, 3}, false}, {{0, 2, 1, 3}, false}, {{0, 3, 1, 2}, false},
                                        {{0, 1, 2, 3}, true},  {{0, 2, 1, 3}, true},  {{0, 3, 1, 2}, true}};
inline constexpr std::size_t kS8OrderCount = sizeof(kS8Orders) / sizeof(*kS8Orders);
inline constexpr std::size_t kS8Stretch = 512;  // of k: so many activations lie side by side in every order
inline constexpr int kPairBound = 128;
struct S8BoundedView {
  const std::uint16_t* places = nullptr;         // [panels, k_padded / 4]: order * kS8Stretch + k % kS8Stretch; null: pairs are not bounded
  const std::uint32_t* excess_first = nullptr;   // [panels + 1]: a panel has the groups [excess_first[panel], excess_first[panel + 1]) of
  const std::uint32_t* excess_groups = nullptr;  // k / 4
  const std::int8_t* excess = nullptr;           // [groups, 16, 4], in the order of k
};

struct PackedS8View {
  const std::int8_t* data = nullptr;          // values in [-127, 127]
  const float* scales = nullptr;              // [n, padded to panels]
  const std::int32_t* column_sums = nullptr;  // [n, padded to panels]: sum over k of each output's weights as they are stored, with the excess
  std::size_t n = 0;
  std::size_t k = 0;
  std::size_t k_padded = 0;
  S8BoundedView bounded = {};  // sets whose `bounded_pairs` is false take matrices without
};
struct PackedBf16View {
  const std::uint16_t* data = nullptr;
  std::size_t n = 0;
  std::size_t k = 0;
  std::size_t k_padded = 0;
};

// What the products of low precision have in common: c[i, j] = activation(product[i, j] + bias[j]) + residual[i, j] for j in panels
// [panel_begin, panel_end) of 16 outputs. The activation is VectorMath::activate_low.
struct LowOutput {
  std::size_t panel_begin = 0;
  std::size_t panel_end = 0;
  const float* bias = nullptr;      // [n] or null
  const float* residual = nullptr;  // [rows, n] with row stride ldr, or null; must not overlap c
  std::size_t ldr = 0;
  // [rows, n], row stride ldc: FP32; or BF16, whose rows are then zero from n up to whole kLowRowBytes, as the next product wants them.
  void* c = nullptr;
  std::size_t ldc = 0;
  bool c_is_bf16 = false;
  std::size_t rows = 0;
  Activation activation = Activation::none;
  // Packed weights of the product that follows, so many bytes; the kernel may fetch some of them into the second cache. Changes no result.
  const void* next = nullptr;
  std::size_t next_bytes = 0;
};

// product[i, j] = a_scales[i] * b.scales[j] * sum_k a[i, k] * b[j, k], the sums exact in 32 bits (k up to 131,072).
struct GemmS8Args : LowOutput {
  const std::int8_t* a = nullptr;  // [rows, b.k_padded], row stride lda, values in [-127, 127], zeros from b.k on
  std::size_t lda = 0;
  const float* a_scales = nullptr;  // [rows]
  PackedS8View b;
};
// product[i, j] = sum_k a[i, k] * b[j, k] in FP32 sums, whose order is the instruction set's.
struct GemmBf16Args : LowOutput {
  const std::uint16_t* a = nullptr;  // [rows, b.k_padded], row stride lda, zeros from b.k on
  std::size_t lda = 0;
  PackedBf16View b;
};

// One attention head of one sequence, or several side by side: out = softmax(scale * q k^T) v, with relative positions in the scores where there are any.
// Only the keys that a query sees take part, and only what they need is computed.
struct AttentionShape {
  std::size_t heads = 1;  // their q, k, v and out are head_size apart; all else is the same for all of them
  std::size_t stride = 0;
  std::size_t out_stride = 0;
  std::size_t tokens = 0;
  std::size_t head_size = 0;
  float scale = 1.0F;
  float* scratch = nullptr;                           // as many floats as the kernel's *_scratch(tokens, head_size) says, 64-byte aligned
  std::size_t before = static_cast<std::size_t>(-1);  // query i sees the keys j with i - before <= j <= i + behind
  std::size_t behind = static_cast<std::size_t>(-1);
  std::size_t keys = static_cast<std::size_t>(-1);  // no query sees the keys from here on; every query sees at least one
  // Added to the scaled scores: relative_bias[j - i], from -(tokens - 1) to tokens - 1; points at the middle. Null: nothing.
  const float* relative_bias = nullptr;
  // Added to the products before they are scaled: query_positions[i, p] and key_positions[j, p] with p = position_index[j - i]; either may be null.
  const std::int32_t* position_index = nullptr;  // points at the middle
  const float* query_positions = nullptr;        // [tokens, ...], row stride position_stride; so is key_positions
  const float* key_positions = nullptr;
  std::size_t position_stride = 0;
};
// Elements are FP32 or, as std::uint16_t, BF16; BF16 queries must be readable up to a multiple of kLowRows rows.
template <class Element>
struct AttentionArgsOf : AttentionShape {
  const Element* q = nullptr;  // [tokens, head_size], row stride `stride`; so are k and v
  const Element* k = nullptr;
  const Element* v = nullptr;
  Element* out = nullptr;  // [tokens, head_size], row stride out_stride
};
using AttentionArgs = AttentionArgsOf<float>;
using AttentionBf16Args = AttentionArgsOf<std::uint16_t>;

// The pairs of one head's first 2 * pairs values, turned in place: (a, b) becomes (a cos - b sin, b cos + a sin).
struct RotaryArgs {
  float* x = nullptr;  // [tokens, 2 * pairs], row stride `stride`
  std::size_t stride = 0;
  std::size_t tokens = 0;
  std::size_t pairs = 0;
  const float* cosines = nullptr;  // [tokens, pairs]; so is sines
  const float* sines = nullptr;
  bool interleaved = false;  // a pair is two neighbours; else value i and value i + pairs
};

// The first half of every row becomes activation(one half) * other half.
struct GateArgs {
  float* x = nullptr;  // [rows, 2 * size], row stride `stride`
  std::size_t stride = 0;
  std::size_t rows = 0;
  std::size_t size = 0;
  bool second_half = false;  // which goes through the activation
  Activation activation = Activation::none;
};

// out[i] = (x[i] - mean) / sqrt(variance + epsilon) * weight + bias for each row; the variance is the biased one, taken from the deviations. RMSNorm
// has 0 in the mean's place. out may be x.
struct NormArgs {
  const float* x = nullptr;  // [rows, size], row stride `stride`; so is out
  float* out = nullptr;
  std::size_t stride = 0;
  const float* weight = nullptr;  // [size]
  const float* bias = nullptr;    // [size] or null
  std::size_t rows = 0;
  std::size_t size = 0;
  float epsilon = 0.0F;
};

// Element types of tables that are read in place.
enum class TableType : unsigned char { f32, f16, bf16 };

struct KernelTable {
  std::size_t lanes;        // floats in a vector
  std::size_t panel_width;  // outputs in a full panel of PackedF32View; a multiple of lanes
  std::size_t tile_rows;    // rows the big tile takes at a time

  void (*gemm_f32)(const GemmF32Args&) noexcept;

  std::size_t (*attention_f32_scratch)(std::size_t tokens, std::size_t head_size) noexcept;
  void (*attention_f32)(const AttentionArgs&) noexcept;

  void (*layer_norm)(const NormArgs&) noexcept;
  void (*rms_norm)(const NormArgs&) noexcept;

  void (*rotary)(const RotaryArgs&) noexcept;
  void (*gate)(const GateArgs&) noexcept;

  // x[0, count) = activation(x), in place.
  void (*activate)(float* x, std::size_t count, Activation activation) noexcept;

  // Softmax over each row of x [rows, size], in place, row stride `size`.
  void (*softmax)(float* x, std::size_t rows, std::size_t size) noexcept;

  // out[0, size) = or += a table's row, widened to FP32. `row` has no alignment.
  void (*load_row)(float* out, const void* row, TableType type, std::size_t size) noexcept;
  void (*add_row)(float* out, const void* row, TableType type, std::size_t size) noexcept;

  // x[0, size) *= factor.
  void (*scale)(float* x, float factor, std::size_t size) noexcept;
  // out[i] = max(out[i], x[i]), NaN where either is; out[i] += factor * x[i].
  void (*max_into)(float* out, const float* x, std::size_t size) noexcept;
  void (*add_scaled)(float* out, const float* x, float factor, std::size_t size) noexcept;
  // Sum of x[i] * y[i].
  float (*dot)(const float* x, const float* y, std::size_t size) noexcept;
  // Rows of FP32 [rows, size] with row stride `stride` to s8 in [-127, 127], one scale a row: q = round(x / scale), scale = max|x| / 127.
  // q is [rows, padded] with zeros from `size` on; `padded` is a multiple of kLowRowBytes. NaN or infinity in a row makes its scale NaN.
  // With `factors` [size], powers of two, x * factors takes the place of x; null: none.
  void (*quantize_rows)(const float* x, std::size_t stride, std::size_t rows, std::size_t size, const float* factors, std::int8_t* q, std::size_t padded,
                        float* scales) noexcept;
  // The same from BF16 rows, without factors.
  void (*quantize_bf16_rows)(const std::uint16_t* x, std::size_t stride, std::size_t rows, std::size_t size, std::int8_t* q, std::size_t padded,
                             float* scales) noexcept;
  // FP32 rows to BF16, rounded to nearest, ties to even.
  void (*round_rows)(const float* x, std::size_t stride, std::size_t rows, std::size_t size, std::uint16_t* out, std::size_t padded) noexcept;

  // Whether every x[i] is neither infinite nor NaN.
  bool (*all_finite)(const float* x, std::size_t count) noexcept;
};

// The low-precision products of one instruction set, and FP32 ones that are made of them. They come in a table of their own because the sets differ
// in them where their vectors are the same: AVX-512, its VNNI and BF16 extensions and AMX share a KernelTable.
struct LowKernelTable {
  std::size_t tile_rows;  // rows and panels of 16 outputs that the big tile takes; work is best cut in multiples of them
  std::size_t tile_panels;
  // Whether the set's CPUs read ahead well by themselves. Then a product of few rows, which waits for its own weights, asks in INT8 and BF16 for those behind
  // them, too, and in FP32 for none at all.
  bool reads_ahead;
  void (*gemm_s8)(const GemmS8Args&) noexcept;
  bool bounded_pairs;  // whether gemm_s8 is faster with PackedS8::bound_pairs
  // Null where the set has no BF16 products: there BF16 weights are widened, and attention stays FP32.
  void (*gemm_bf16)(const GemmBf16Args&) noexcept;
  std::size_t (*attention_bf16_scratch)(std::size_t tokens, std::size_t head_size) noexcept;
  // Products of BF16; sums and softmax are FP32.
  void (*attention_bf16)(const AttentionArgs&) noexcept;
  void (*attention_bf16_rows)(const AttentionBf16Args&) noexcept;
  // FP32 products faster than KernelTable::gemm_f32, or null. The sums are of FP32's precision in an order of their own (kernels/isa/amx_f32.hpp);
  // c must not overlap a.
  void (*gemm_f32)(const GemmF32Args&) noexcept;
  std::size_t (*gemm_f32_scratch)(std::size_t rows, std::size_t k) noexcept;
};

// Panels of a packed matrix with n outputs.
constexpr std::size_t panel_count(std::size_t n, std::size_t panel_width) { return (n + panel_width - 1) / panel_width; }

}  // namespace berth::kernels
