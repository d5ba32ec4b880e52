#include "engine/weights.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "base/problems.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;
using loaders::DType;
using loaders::TensorView;

constexpr std::size_t kChunkRows = 16;  // rows converted and packed at a time: a cache line of every packed vector

std::optional<kernels::TableType> float_type(DType dtype) {
  switch (dtype) {
    case DType::f32: return kernels::TableType::f32;
    case DType::f16: return kernels::TableType::f16;
    case DType::bf16: return kernels::TableType::bf16;
    default: return std::nullopt;
  }
}

// Finds tensors by name, remembers every problem, and converts what was found once all of it is known to be right.
class Binder {
 public:
  Binder(const loaders::TensorStore& tensors, const Compute& compute) : tensors_(tensors), kernels_(compute.kernels), low_(compute.low), pool_(compute.pool) {}

  // Several matrices with the same inputs may be stacked into one: `names` gives them in order, each [out, in].
  void linear(Linear& to, std::span<const std::string> names, std::size_t out, std::size_t in, Precision precision, bool bias = true) {
    MatrixJob job{.to = &to, .weights = {}, .biases = {}, .out = out, .in = in, .precision = precision};
    for (const std::string& name : names) {
      job.weights.push_back(find({name + ".weight"}, {out, in}));
      if (bias) job.biases.push_back(find({name + ".bias"}, {out}));
    }
    matrices_.push_back(std::move(job));
  }
  void linear(Linear& to, const std::string& name, std::size_t out, std::size_t in, Precision precision, bool bias = true) {
    linear(to, std::array{name}, out, in, precision, bias);
  }

  // Old checkpoints call a norm's tensors gamma and beta.
  void norm(Norm& to, const std::string& name, std::size_t size) {
    vectors_.push_back({&to.weight, find({name + ".weight", name + ".gamma"}, {size})});
    vectors_.push_back({&to.bias, find({name + ".bias", name + ".beta"}, {size})});
  }

  void table(TableView& to, const std::string& name, std::size_t rows, std::size_t columns) {
    tables_.push_back({&to, find({name + ".weight"}, {rows, columns}), columns});
  }

  bool has(const std::string& name) const { return tensors_.find(name) != nullptr; }

  // Throws when anything was missing or misshapen; else allocates, converts and packs. Returns {elements, bytes}.
  std::pair<std::size_t, std::size_t> finish(const std::string& what);

 private:
  struct MatrixJob {
    Linear* to;
    std::vector<const TensorView*> weights;
    std::vector<const TensorView*> biases;
    std::size_t out;  // of each part
    std::size_t in;
    Precision precision;
  };
  struct VectorJob {
    Vector* to;
    const TensorView* tensor;
  };
  struct TableJob {
    TableView* to;
    const TensorView* tensor;
    std::size_t columns;
  };
  // A stretch of rows of one tensor: packed into `linear` from row `first_output` on, or only checked when it is null.
  struct Chunk {
    const TensorView* tensor;
    std::size_t first_row;
    std::size_t rows;
    std::size_t columns;
    Linear* linear;
    bool round_to_bf16;  // for BF16 weights that are stored widened
    std::size_t first_output;
  };

  const TensorView* find(std::vector<std::string> names, const std::vector<std::uint64_t>& shape);
  void allocate_matrices();
  void copy_vector(Vector& to, std::size_t offset, const TensorView& tensor);
  void add_chunks(Chunk whole);
  void run_chunks();
  void pack(const Chunk& chunk, float* rows, std::int8_t* low) const noexcept;

  const loaders::TensorStore& tensors_;
  const kernels::KernelTable& kernels_;
  const kernels::LowKernelTable& low_;
  const base::ThreadPool& pool_;
  std::vector<MatrixJob> matrices_;
  std::vector<VectorJob> vectors_;
  std::vector<TableJob> tables_;
  std::vector<Chunk> chunks_;
  base::Problems problems_;
  bool stored_as_integers_ = false;
  std::size_t parameters_ = 0;
  std::size_t bytes_ = 0;
};

const TensorView* Binder::find(std::vector<std::string> names, const std::vector<std::uint64_t>& shape) {
  const std::string& first = names.front();
  for (const std::string& name : names) {
    const TensorView* tensor = tensors_.find(name);
    if (tensor == nullptr) continue;
    if (tensor->shape != shape) {
      problems_.add("tensor \"" + name + "\" has shape " + loaders::shape_text(tensor->shape) + ", expected " + loaders::shape_text(shape));
      return nullptr;
    }
    if (!float_type(tensor->dtype)) {
      problems_.add("tensor \"" + name + "\" has type " + tensor->dtype_name + ", expected F32, F16 or BF16");
      stored_as_integers_ = true;
      return nullptr;
    }
    parameters_ += static_cast<std::size_t>(tensor->elements());
    return tensor;
  }
  problems_.add("tensor \"" + first + "\" " + loaders::shape_text(shape) + " is missing");
  return nullptr;
}

void Binder::allocate_matrices() {
  for (MatrixJob& job : matrices_) {
    Linear& linear = *job.to;
    linear.in = job.in;
    linear.out = job.out * job.weights.size();
    const bool widened = job.precision == Precision::bf16 && low_.gemm_bf16 == nullptr;
    linear.precision = widened ? Precision::fp32 : job.precision;
    switch (linear.precision) {
      case Precision::fp32: linear.f32 = kernels::PackedF32(linear.out, linear.in, kernels_); break;
      case Precision::bf16: linear.bf16 = kernels::PackedBf16(linear.out, linear.in); break;
      case Precision::int8: linear.s8 = kernels::PackedS8(linear.out, linear.in); break;
    }
    bytes_ += linear.weight_bytes();
    for (std::size_t part = 0; part < job.weights.size(); ++part)
      add_chunks({.tensor = job.weights[part], .first_row = 0, .rows = job.out, .columns = job.in, .linear = &linear, .round_to_bf16 = widened,
                  .first_output = part * job.out});
    if (job.biases.empty()) continue;
    linear.bias = Vector(linear.out);
    for (std::size_t part = 0; part < job.biases.size(); ++part) copy_vector(linear.bias, part * job.out, *job.biases[part]);
    bytes_ += linear.out * sizeof(float);
  }
}

void Binder::copy_vector(Vector& to, std::size_t offset, const TensorView& tensor) {
  const auto size = static_cast<std::size_t>(tensor.elements());
  kernels_.load_row(to.data() + offset, tensor.data.data(), *float_type(tensor.dtype), size);
  if (!kernels_.all_finite(to.data() + offset, size))
    throw Error(ErrorCode::non_finite, tensor.file + ": tensor \"" + tensor.name + "\" has NaN or infinite values");
}

void Binder::add_chunks(Chunk whole) {
  for (std::size_t row = 0; row < whole.rows; row += kChunkRows) {
    Chunk chunk = whole;
    chunk.first_row = row;
    chunk.rows = std::min(kChunkRows, whole.rows - row);
    chunk.first_output += row;
    chunks_.push_back(chunk);
  }
}

// `rows` is [chunk.rows, columns]; `low` has room for as many 16-bit values.
void Binder::pack(const Chunk& chunk, float* rows, std::int8_t* low) const noexcept {
  Linear& linear = *chunk.linear;
  auto* rounded = reinterpret_cast<std::uint16_t*>(low);
  const std::size_t count = chunk.rows * chunk.columns;
  if (chunk.round_to_bf16) {
    kernels_.round_rows(rows, count, 1, count, rounded, count);
    kernels_.load_row(rows, rounded, kernels::TableType::bf16, count);
  }
  if (linear.precision == Precision::fp32) {
    linear.f32.set_rows(chunk.first_output, chunk.rows, rows);
    return;
  }
  for (std::size_t i = 0; i < chunk.rows; ++i) {
    const float* row = rows + i * chunk.columns;
    if (linear.precision == Precision::int8) {
      const float scale = kernels::quantize_weights(row, chunk.columns, low);
      linear.s8.set_row(chunk.first_output + i, low, scale);
    } else {
      kernels_.round_rows(row, chunk.columns, 1, chunk.columns, rounded, chunk.columns);
      linear.bf16.set_row(chunk.first_output + i, rounded);
    }
  }
}

void Binder::run_chunks() {
  std::size_t widest = 0;
  for (const Chunk& chunk : chunks_) widest = std::max(widest, chunk.columns);
  const auto threads = static_cast<std::size_t>(pool_.threads());
  const std::size_t chunk_size = kChunkRows * (widest + 64);  // round_rows pads to whole vectors
  base::AlignedBuffer<float> scratch(threads * chunk_size);
  base::AlignedBuffer<std::int8_t> low_scratch(threads * chunk_size * 2);
  std::atomic<const TensorView*> bad{nullptr};
  constexpr std::size_t kChunksPerTask = 16;
  pool_.parallel_for((chunks_.size() + kChunksPerTask - 1) / kChunksPerTask, [&](std::size_t task, std::size_t slot) noexcept {
    float* rows = scratch.data() + slot * chunk_size;
    for (std::size_t i = task * kChunksPerTask; i < std::min(chunks_.size(), (task + 1) * kChunksPerTask); ++i) {
      const Chunk& chunk = chunks_[i];
      const kernels::TableType type = *float_type(chunk.tensor->dtype);
      const std::size_t row_bytes = chunk.columns * (type == kernels::TableType::f32 ? 4 : 2);
      // Rows follow one another without gaps, so the chunk converts as one long row.
      kernels_.load_row(rows, chunk.tensor->data.data() + chunk.first_row * row_bytes, type, chunk.rows * chunk.columns);
      if (!kernels_.all_finite(rows, chunk.rows * chunk.columns)) {
        bad.store(chunk.tensor, std::memory_order_relaxed);
      } else if (chunk.linear != nullptr) {
        pack(chunk, rows, low_scratch.data() + slot * chunk_size * 2);
      }
    }
  });
  if (const TensorView* tensor = bad.load())
    throw Error(ErrorCode::non_finite, tensor->file + ": tensor \"" + tensor->name + "\" has NaN or infinite values");
}

std::pair<std::size_t, std::size_t> Binder::finish(const std::string& what) {
  problems_.throw_if_any(stored_as_integers_ ? ErrorCode::unsupported : ErrorCode::corrupt_file, what);
  allocate_matrices();
  for (const VectorJob& job : vectors_) {
    *job.to = Vector(static_cast<std::size_t>(job.tensor->elements()));
    copy_vector(*job.to, 0, *job.tensor);
    bytes_ += job.to->size() * sizeof(float);
  }
  for (const TableJob& job : tables_) {
    const kernels::TableType type = *float_type(job.tensor->dtype);
    const auto rows = static_cast<std::size_t>(job.tensor->shape[0]);
    *job.to = {job.tensor->data.data(), type, rows, job.columns * (type == kernels::TableType::f32 ? 4 : 2)};
    bytes_ += job.tensor->data.size();
    add_chunks({.tensor = job.tensor, .first_row = 0, .rows = rows, .columns = job.columns, .linear = nullptr, .round_to_bf16 = false, .first_output = 0});
  }
  run_chunks();
  for (const MatrixJob& job : matrices_)
    for (const TensorView* tensor : job.weights) tensors_.release(*tensor);
  for (const TableJob& job : tables_) tensors_.release(*job.tensor);  // only rows that texts touch come back
  return {parameters_, bytes_};
}

std::string layer_name(std::string_view pattern, std::size_t layer) {
  std::string name(pattern);
  const std::size_t at = name.find("{i}");
  return at == std::string::npos ? name : name.replace(at, 3, std::to_string(layer));
}

// The prefix under which the word embeddings are found; the first when they are nowhere, so that messages name the plain names.
std::string body_prefix(const ArchitectureSpec& spec, const loaders::TensorStore& tensors) {
  for (const std::string_view prefix : spec.prefixes) {
    const std::string name = std::string(prefix) + std::string(spec.names.word_embeddings) + ".weight";
    if (tensors.find(name) != nullptr) return std::string(prefix);
  }
  return std::string(spec.prefixes.front());
}

void bind_layer(Binder& binder, LayerWeights& layer, const ModelConfig& config, Precision precision, const std::string& prefix, std::size_t index) {
  const TensorNames& names = config.architecture->names;
  const auto full = [&](std::string_view pattern) { return prefix + layer_name(pattern, index); };
  const std::size_t hidden = config.hidden_size;
  binder.linear(layer.query_key_value, std::array{full(names.query), full(names.key), full(names.value)}, hidden, hidden, precision);
  binder.linear(layer.attention_output, full(names.attention_output), hidden, hidden, precision);
  binder.norm(layer.attention_norm, full(names.attention_norm), hidden);
  binder.linear(layer.intermediate, full(names.intermediate), config.intermediate_size, hidden, precision);
  binder.linear(layer.output, full(names.output), hidden, config.intermediate_size, precision);
  binder.norm(layer.output_norm, full(names.output_norm), hidden);
}

// All steps but the last keep the hidden size; the last has `outputs`.
void bind_steps(Binder& binder, std::vector<DenseLayer>& to, std::span<const DenseStep> steps, const std::string& prefix, std::size_t hidden,
                std::size_t outputs) {
  to.resize(steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    to[i].activation = steps[i].activation;
    const std::string name = (steps[i].in_body ? prefix : std::string()) + std::string(steps[i].name);
    binder.linear(to[i].linear, name, i + 1 == steps.size() ? outputs : hidden, hidden, Precision::fp32);
  }
}

// The module classes of torch.nn that sentence-transformers' Dense may name: a closed table, nothing is looked up by name elsewhere.
kernels::Activation torch_activation(const std::string& name, const std::string& label) {
  using kernels::Activation;
  constexpr std::array<std::pair<std::string_view, Activation>, 6> kKnown = {{
      {"Identity", Activation::none},
      {"Tanh", Activation::tanh},
      {"ReLU", Activation::relu},
      {"GELU", Activation::gelu},
      {"SiLU", Activation::silu},
      {"Sigmoid", Activation::sigmoid},
  }};
  std::string supported;
  for (const auto& [known, activation] : kKnown) {
    if (known == name) return activation;
    supported += (supported.empty() ? "" : ", ") + std::string(known);
  }
  throw Error(ErrorCode::unsupported,
              label + ": field \"activation_function\": " + base::quoted(name) + " is not supported; supported: " + supported);
}

}  // namespace

std::string_view name(Precision precision) {
  switch (precision) {
    case Precision::fp32: return "fp32";
    case Precision::bf16: return "bf16";
    case Precision::int8: return "int8";
  }
  return "";
}

ModelWeights bind_weights(const ModelConfig& config, const loaders::TensorStore& tensors, Precision precision, const Compute& compute) {
  const ArchitectureSpec& spec = *config.architecture;
  const std::string prefix = body_prefix(spec, tensors);
  const auto full = [&prefix](std::string_view name) { return prefix + std::string(name); };
  ModelWeights weights;
  Binder binder(tensors, compute);
  binder.table(weights.word_embeddings, full(spec.names.word_embeddings), config.vocab_size, config.hidden_size);
  if (!spec.names.position_embeddings.empty())
    binder.table(weights.position_embeddings, full(spec.names.position_embeddings), config.max_positions, config.hidden_size);
  if (!spec.names.token_type_embeddings.empty())
    binder.table(weights.token_type_embeddings, full(spec.names.token_type_embeddings), config.type_vocab_size, config.hidden_size);
  binder.norm(weights.embedding_norm, full(spec.names.embedding_norm), config.hidden_size);
  weights.layers.resize(config.num_layers);
  for (std::size_t i = 0; i < config.num_layers; ++i) bind_layer(binder, weights.layers[i], config, precision, prefix, i);
  if (config.has_sequence_classifier) {
    bind_steps(binder, weights.sequence_classifier, spec.sequence_classifier, prefix, config.hidden_size, config.labels.size());
  } else if (!spec.pooler.empty() && binder.has(full(spec.pooler.front().name) + ".weight")) {
    bind_steps(binder, weights.pooler, spec.pooler, prefix, config.hidden_size, config.hidden_size);
  }
  std::tie(weights.parameters, weights.bytes) = binder.finish(tensors.label());
  weights.layer_precision = weights.layers.front().query_key_value.precision;
  return weights;
}

DenseLayer bind_dense_module(const loaders::DenseSpec& spec, const std::string& label, const Compute& compute) {
  DenseLayer layer;
  layer.activation = torch_activation(spec.activation, label);
  Binder binder(*spec.tensors, compute);
  binder.linear(layer.linear, "linear", spec.out_features, spec.in_features, Precision::fp32, spec.bias);
  binder.finish(label);
  return layer;
}

}  // namespace berth::engine
