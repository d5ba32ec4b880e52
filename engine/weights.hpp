// The weights of a model, typed and packed for one instruction set. Immutable once bound.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "engine/compute.hpp"
#include "engine/model_config.hpp"
#include "kernels/kernel_table.hpp"
#include "kernels/packed_low.hpp"
#include "kernels/packed_matrix.hpp"
#include "loaders/tensors.hpp"

namespace berth::engine {

using Vector = base::AlignedBuffer<float>;

// How the products of the encoder's layers are computed. Embeddings, norms, softmax, residuals and heads are FP32 in all of them.
enum class Precision : unsigned char { fp32, bf16, int8 };
std::string_view name(Precision precision);

// y = x W^T + b with W [out, in], stored in one of the packed forms.
struct Linear {
  Precision precision = Precision::fp32;  // which of the three is filled
  kernels::PackedF32 f32;
  kernels::PackedBf16 bf16;
  kernels::PackedS8 s8;
  Vector bias;           // [out], or empty
  Vector input_factors;  // [in], or empty: what an INT8 product's inputs are multiplied with before they are quantised (engine/outliers.hpp)
  std::size_t in = 0;
  std::size_t out = 0;

  std::size_t weight_bytes() const noexcept { return f32.bytes() + bf16.bytes() + s8.bytes(); }
};

struct Norm {
  NormKind kind = NormKind::layer;
  Vector weight;  // [size]; empty: there is no norm
  Vector bias;    // [size], or empty

  bool present() const noexcept { return weight.size() > 0; }
};

class LowRankRows;

// A lookup table that stays where the file is mapped, in its own type; what an adapter adds to a row is added when the row is read.
struct TableView {
  const std::byte* data = nullptr;  // null: the model has no such table
  kernels::TableType type{};
  std::size_t rows = 0;
  std::size_t row_bytes = 0;
  std::shared_ptr<const LowRankRows> added = nullptr;

  const std::byte* row(std::size_t index) const noexcept { return data + index * row_bytes; }
};

// The feed-forward block of a layer with experts. Biases are none but the one that is added to their sum.
struct ExpertWeights {
  Linear router;                      // [experts, hidden], always FP32
  std::vector<Linear> intermediates;  // of each expert: [intermediate, hidden]
  std::vector<Linear> outputs;        // [hidden, intermediate]
  Vector bias;                        // [hidden]

  bool present() const noexcept { return !intermediates.empty(); }
  std::size_t weight_bytes() const noexcept {
    std::size_t bytes = router.weight_bytes();
    for (const std::vector<Linear>* each : {&intermediates, &outputs})
      for (const Linear& one : *each) bytes += one.weight_bytes();
    return bytes;
  }
};

struct LayerWeights {
  Linear query_key_value;  // [queries + keys + values, hidden]: one product instead of three; of attention to the encoder's rows the queries alone
  Linear key_value;        // [keys + values, hidden] of attention to the encoder's rows; else none, with out 0
  Norm query_norm;
  Norm key_norm;
  Linear attention_output;
  Norm attention_norm;
  Norm attention_outer_norm;
  Norm attention_result_norm;
  Linear intermediate;  // [intermediate, hidden]; twice as many outputs where there is a gate; none, with out 0, where only attention is here
  Linear output;
  ExpertWeights experts;  // in place of these two
  Norm output_norm;
  Norm output_result_norm;
  // Disentangled attention: the relative positions as keys and as queries, [2 span, head_size], of each head or of all of them together; or empty.
  std::vector<kernels::PackedF32> position_keys;
  std::vector<kernels::PackedF32> position_queries;

  bool crosses() const noexcept { return key_value.out > 0; }
  bool feeds_forward() const noexcept { return intermediate.out > 0 || experts.present(); }
  std::size_t product_bytes() const noexcept {
    return query_key_value.weight_bytes() + key_value.weight_bytes() + attention_output.weight_bytes() + intermediate.weight_bytes() + output.weight_bytes() +
           experts.weight_bytes();
  }
};

// A dense step of a head or of a sentence-transformers module: norm(activation(W x + b)).
struct DenseLayer {
  Linear linear;
  kernels::Activation activation = kernels::Activation::none;
  Norm norm = {};
};

struct ModelWeights {
  TableView word_embeddings;
  TableView position_embeddings;
  TableView token_type_embeddings;
  TableView task_type_embeddings;
  Norm embedding_norm;
  TableView decoder_position_embeddings;
  Norm decoder_embedding_norm;
  Linear embedding_projection;       // from the tables' size to the hidden size; or none, with out 0
  std::vector<LayerWeights> layers;  // as stored
  Norm final_norm;
  std::vector<Vector> relative_bias;  // [buckets, heads] each; or none
  Linear convolution;                 // [hidden, width * hidden], or none
  Norm convolution_norm;
  std::vector<DenseLayer> pooler;               // empty when the file has none
  std::vector<DenseLayer> head;                 // empty when the model has none
  TableView decoder;                            // of a masked_lm head: [vocabulary, embedding size]
  Vector decoder_bias;                          // [vocabulary], or empty
  Precision layer_precision = Precision::fp32;  // as stored: BF16 weights are widened where the instruction set has no BF16 products
  std::size_t parameters = 0;                   // elements of all tensors bound
  std::size_t bytes = 0;                        // that packed matrices, vectors and tables take
};

// Checks, converts and packs the tensors that `config` asks for, on the pool's threads. base::Error: corrupt_file listing every missing and every
// misshapen tensor at once, unsupported for a stored type that is no float, non_finite naming the tensor.
ModelWeights bind_weights(const ModelConfig& config, const loaders::TensorStore& tensors, Precision precision, const Compute& compute);

// A sentence-transformers Dense module.
DenseLayer bind_dense_module(const loaders::DenseSpec& spec, const std::string& label, const Compute& compute);
// A LayerNorm module.
Norm bind_norm_module(const loaders::LayerNormSpec& spec, const std::string& label, const Compute& compute);

}  // namespace berth::engine
