#include "engine/static_embedding.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "engine/binder.hpp"
#include "engine/linear.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;
using loaders::DType;
using loaders::TensorView;

constexpr std::size_t kMaxSize = 16384;
constexpr std::size_t kMaxRows = std::size_t{1} << 24;
constexpr std::size_t kMaxTokens = std::size_t{1} << 24;  // of a text
constexpr std::size_t kModel2vecTokens = 512;

// What a static model has of a description: nothing but its name.
const ArchitectureSpec kModel2vec{.model_type = "model2vec", .summary = "the mean of rows of one table", .prefixes = {""}};
const ArchitectureSpec kStaticEmbedding{.model_type = "StaticEmbedding", .summary = "the mean of rows of one table", .prefixes = {""}};
const ArchitectureSpec kSparseStaticEmbedding{.model_type = "SparseStaticEmbedding", .summary = "a weight for each entry of the vocabulary", .prefixes = {""}};

[[noreturn]] void fail(const TensorView& tensor, ErrorCode code, const std::string& problem) {
  throw Error(code, tensor.file + ": tensor " + base::quoted(tensor.name) + problem);
}

const TensorView& find_table(const loaders::TensorStore& tensors) {
  for (const char* name : {"embeddings", "embedding.weight"}) {
    const TensorView* table = tensors.find(name);
    if (table == nullptr) continue;
    if (table->shape.size() != 2 || table->shape[0] == 0 || table->shape[0] > kMaxRows || table->shape[1] == 0 || table->shape[1] > kMaxSize)
      fail(*table, ErrorCode::corrupt_file, " has shape " + loaders::shape_text(table->shape) + ", expected [rows, values]");
    return *table;
  }
  throw Error(ErrorCode::corrupt_file, tensors.label() + ": neither tensor \"embeddings\" nor \"embedding.weight\" is there");
}

void need_contiguous(const TensorView& tensor) {
  if (!tensor.strides.empty()) fail(tensor, ErrorCode::unsupported, " is a view of every so many values of another");
}

// [count] integers below `limit`.
std::vector<std::uint32_t> read_rows(const TensorView& tensor, std::size_t limit) {
  need_contiguous(tensor);
  const std::size_t bytes = tensor.dtype == DType::i64 || tensor.dtype == DType::u64 ? 8 : tensor.dtype == DType::i32 || tensor.dtype == DType::u32 ? 4 : 0;
  if (bytes == 0) fail(tensor, ErrorCode::unsupported, " has type " + tensor.dtype_name + ", expected I32, I64, U32 or U64");
  if (tensor.shape.size() != 1 || tensor.shape[0] == 0 || tensor.shape[0] > kMaxRows)
    fail(tensor, ErrorCode::corrupt_file, " has shape " + loaders::shape_text(tensor.shape) + ", expected [tokens]");
  std::vector<std::uint32_t> rows(static_cast<std::size_t>(tensor.shape[0]));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::uint64_t value = 0;  // a negative number is far too large
    if (bytes == 8) {
      std::memcpy(&value, tensor.data.data() + i * 8, 8);
    } else {
      std::uint32_t half = 0;
      std::memcpy(&half, tensor.data.data() + i * 4, 4);
      value = half;
    }
    if (value >= limit) fail(tensor, ErrorCode::corrupt_file, ": value " + std::to_string(i) + " is no row of the table, which has " + std::to_string(limit));
    rows[i] = static_cast<std::uint32_t>(value);
  }
  return rows;
}

// F64 beside the types that Binder reads.
Vector read_weights(const TensorView& tensor, std::size_t count, const loaders::TensorStore& tensors, const Compute& compute) {
  Vector weights;
  if (tensor.dtype != DType::f64) {
    Binder binder(tensors, compute);
    binder.values(weights, {tensor.name}, {count});
    binder.finish(tensor.file);
    return weights;
  }
  if (tensor.shape != std::vector<std::uint64_t>{count})
    fail(tensor, ErrorCode::corrupt_file, " has shape " + loaders::shape_text(tensor.shape) + ", expected [" + std::to_string(count) + "]");
  need_contiguous(tensor);
  weights = Vector(count);
  for (std::size_t i = 0; i < count; ++i) {
    double value = 0;
    std::memcpy(&value, tensor.data.data() + i * sizeof(value), sizeof(value));
    weights[i] = static_cast<float>(value);
  }
  if (!compute.kernels.all_finite(weights.data(), count)) fail(tensor, ErrorCode::non_finite, " has NaN or infinite values");
  return weights;
}

// The middle length of the vocabulary's tokens in code points, of an even number the mean of two, rounded down: model2vec's rule.
std::size_t median_length(const tokenizer::Tokenizer& tokenizer) {
  std::vector<std::size_t> lengths;
  for (std::int32_t id = 0; id <= tokenizer.max_id(); ++id) {
    const std::string_view token = tokenizer.token(id);
    std::size_t length = 0;
    for (std::size_t at = 0; at < token.size(); ++length) at += base::decode_utf8(token, at).length;
    if (length > 0) lengths.push_back(length);
  }
  if (lengths.empty()) return 0;
  std::sort(lengths.begin(), lengths.end());
  return (lengths[(lengths.size() - 1) / 2] + lengths[lengths.size() / 2]) / 2;
}

void describe(const loaders::ModelDirectory& directory, const StaticEmbedding& embedding, std::size_t size, ModelConfig& config) {
  config.architecture = directory.static_kind == loaders::StaticKind::model2vec ? &kModel2vec : &kStaticEmbedding;
  config.hidden_size = config.embedding_size = size;
  config.vocab_size = embedding.rows.empty() ? embedding.table.rows : embedding.rows.size();
  config.max_positions = kMaxTokens;
}

void check_ids(const TensorView& tensor, std::size_t rows, const tokenizer::Tokenizer* tokenizer) {
  if (tokenizer == nullptr || tokenizer->max_id() < 0 || static_cast<std::size_t>(tokenizer->max_id()) < rows) return;
  fail(tensor, ErrorCode::corrupt_file, ": has " + std::to_string(rows) + " rows, but the tokenizer gives ids up to " + std::to_string(tokenizer->max_id()));
}

StaticEmbedding bind_weights_alone(const loaders::TensorStore& tensors, const tokenizer::Tokenizer* tokenizer, const Compute& compute, ModelConfig& config,
                                   ModelWeights& weights) {
  StaticEmbedding embedding;
  const TensorView* stored = tensors.find("weight");
  if (stored == nullptr) throw Error(ErrorCode::corrupt_file, tensors.label() + ": tensor \"weight\" is missing");
  if (stored->shape.size() != 1 || stored->shape[0] == 0 || stored->shape[0] > kMaxRows)
    fail(*stored, ErrorCode::corrupt_file, " has shape " + loaders::shape_text(stored->shape) + ", expected [entries of the vocabulary]");
  const auto entries = static_cast<std::size_t>(stored->shape[0]);
  embedding.weights = read_weights(*stored, entries, tensors, compute);
  check_ids(*stored, entries, tokenizer);
  config.architecture = &kSparseStaticEmbedding;
  config.hidden_size = config.embedding_size = config.vocab_size = entries;
  config.max_positions = kMaxTokens;
  weights.parameters = entries;
  weights.bytes = entries * sizeof(float);
  return embedding;
}

// One token's row times its weight.
void load(const Compute& compute, const StaticEmbedding& embedding, std::int32_t token, std::size_t size, float* to) noexcept {
  const auto id = static_cast<std::size_t>(token);
  compute.kernels.load_row(to, embedding.table.row(embedding.rows.empty() ? id : embedding.rows[id]), embedding.table.type, size);
  if (embedding.weights.size() > 0) compute.kernels.scale(to, embedding.weights[id], size);
}

}  // namespace

StaticEmbedding bind_static_embedding(const loaders::ModelDirectory& directory, const loaders::TensorStore& tensors, const tokenizer::Tokenizer* tokenizer,
                                      const Compute& compute, ModelConfig& config, ModelWeights& weights) {
  if (directory.static_kind == loaders::StaticKind::sparse) return bind_weights_alone(tensors, tokenizer, compute, config, weights);
  StaticEmbedding embedding;
  const TensorView& table = find_table(tensors);
  const auto size = static_cast<std::size_t>(table.shape[1]);
  Binder binder(tensors, compute);
  binder.whole_table(embedding.table, table.name, static_cast<std::size_t>(table.shape[0]), size);
  std::tie(weights.parameters, weights.bytes) = binder.finish(tensors.label());
  const TensorView* mapping = tensors.find("mapping");
  if (mapping != nullptr) embedding.rows = read_rows(*mapping, embedding.table.rows);
  describe(directory, embedding, size, config);
  check_ids(mapping != nullptr ? *mapping : table, config.vocab_size, tokenizer);
  if (const TensorView* stored = tensors.find("weights")) embedding.weights = read_weights(*stored, config.vocab_size, tensors, compute);
  embedding.max_length = kMaxTokens;
  if (directory.static_kind != loaders::StaticKind::model2vec) return embedding;
  embedding.max_length = kModel2vecTokens;
  if (tokenizer == nullptr) return embedding;
  if (tokenizer->type() != "Unigram") embedding.dropped = tokenizer->unknown_id();
  embedding.code_points_a_token = median_length(*tokenizer);
  return embedding;
}

void run_static_embedding(const Compute& compute, const StaticEmbedding& embedding, std::size_t size, Workspace& workspace) {
  const RaggedBatch& batch = workspace.batch;
  workspace.reserve({.hidden = batch.tokens() * size});
  for_row_blocks(compute.pool, batch.tokens(), size, [&](std::size_t first, std::size_t count, std::size_t) noexcept {
    for (std::size_t t = first; t < first + count; ++t) load(compute, embedding, batch.ids[t], size, workspace.hidden() + t * size);
  });
}

void pool_static_embedding(const Compute& compute, const StaticEmbedding& embedding, std::size_t size, Workspace& workspace) {
  const RaggedBatch& batch = workspace.batch;
  workspace.pooled.resize(batch.rows() * size);
  workspace.pooled2.resize(static_cast<std::size_t>(compute.pool.threads()) * size);
  const std::size_t cost = (batch.tokens() / batch.rows() + 1) * size;
  for_row_blocks(compute.pool, batch.rows(), cost, [&](std::size_t first, std::size_t count, std::size_t slot) noexcept {
    float* one = workspace.pooled2.data() + slot * size;
    for (std::size_t row = first; row < first + count; ++row) {
      float* out = workspace.pooled.data() + row * size;
      std::fill_n(out, size, 0.0F);
      for (std::size_t t = batch.cumulative_lengths[row]; t < batch.cumulative_lengths[row + 1]; ++t) {
        load(compute, embedding, batch.ids[t], size, one);
        compute.kernels.add_scaled(out, one, 1.0F, size);
      }
      if (batch.length(row) > 0) compute.kernels.scale(out, 1.0F / static_cast<float>(batch.length(row)), size);
    }
  });
}

void run_static_weights(const StaticEmbedding& embedding, std::size_t most, Workspace& workspace, SparseVectors& out) {
  const RaggedBatch& batch = workspace.batch;
  std::vector<std::int32_t> ids;
  for (std::size_t row = 0; row < batch.rows(); ++row) {
    ids.assign(batch.ids.begin() + static_cast<std::ptrdiff_t>(batch.cumulative_lengths[row]),
               batch.ids.begin() + static_cast<std::ptrdiff_t>(batch.cumulative_lengths[row + 1]));
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    for (const std::int32_t id : ids) {
      const float weight = embedding.weights[static_cast<std::size_t>(id)];
      if (weight != 0.0F) out.values.push_back({static_cast<std::uint32_t>(id), weight});
    }
    out.end_row(most);
  }
}

}  // namespace berth::engine
