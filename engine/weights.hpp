// The weights of a model, typed and packed for one instruction set. Immutable once bound.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "base/parallel.hpp"
#include "engine/model_config.hpp"
#include "kernels/kernel_table.hpp"
#include "kernels/packed_matrix.hpp"
#include "loaders/tensors.hpp"

namespace berth::engine {

using Vector = base::AlignedBuffer<float>;

// y = x W^T + b with W [out, in].
struct Linear {
  kernels::PackedF32 weight;
  Vector bias;  // [out], or empty

  std::size_t in() const noexcept { return weight.k(); }
  std::size_t out() const noexcept { return weight.n(); }
};

struct Norm {
  Vector weight;  // [hidden]
  Vector bias;    // [hidden]
};

// A lookup table that stays where the file is mapped, in its own type; never owns.
struct TableView {
  const std::byte* data = nullptr;  // null: the model has no such table
  kernels::TableType type{};
  std::size_t rows = 0;
  std::size_t row_bytes = 0;

  const std::byte* row(std::size_t index) const noexcept { return data + index * row_bytes; }
};

struct LayerWeights {
  Linear query_key_value;  // [3 hidden, hidden]: one product instead of three
  Linear attention_output;
  Norm attention_norm;
  Linear intermediate;
  Linear output;
  Norm output_norm;
};

// A dense step of a head or of a sentence-transformers module.
struct DenseLayer {
  Linear linear;
  kernels::Activation activation = kernels::Activation::none;
};

struct ModelWeights {
  TableView word_embeddings;
  TableView position_embeddings;
  TableView token_type_embeddings;
  Norm embedding_norm;
  std::vector<LayerWeights> layers;
  std::vector<DenseLayer> pooler;               // empty when the file has none
  std::vector<DenseLayer> sequence_classifier;  // empty when the model has none
  std::size_t parameters = 0;                   // elements of all tensors bound
  std::size_t bytes = 0;                        // that packed matrices, vectors and tables take
};

// Checks, converts and packs the tensors that `config` asks for, on the pool's threads. base::Error: corrupt_file listing every missing and every
// misshapen tensor at once, unsupported for a stored type that is no float, non_finite naming the tensor.
ModelWeights bind_weights(const ModelConfig& config, const loaders::TensorStore& tensors, const kernels::KernelTable& kernels,
                          const base::ThreadPool& pool);

// A sentence-transformers Dense module.
DenseLayer bind_dense_module(const loaders::DenseSpec& spec, const std::string& label, const kernels::KernelTable& kernels,
                             const base::ThreadPool& pool);

}  // namespace berth::engine
