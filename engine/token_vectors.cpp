#include "engine/token_vectors.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "engine/binder.hpp"
#include "engine/inputs.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;
using loaders::ModuleType;

constexpr std::uint64_t kMaxVectorSize = 1U << 16;  // of a vector

[[noreturn]] void refuse_directory(const loaders::ModelDirectory& directory, const std::string& problem) {
  throw Error(ErrorCode::unsupported, base::display(directory.root) + ": " + problem);
}

std::vector<std::int32_t> sorted(std::vector<std::int32_t> ids) {
  std::sort(ids.begin(), ids.end());
  return ids;
}

TokenVectors::Side bind_side(const loaders::ModelDirectory& directory, const loaders::LateInteractionSpec::Side& spec, const tokenizer::Tokenizer& tokenizer) {
  TokenVectors::Side side{.marker = {}, .prompt = spec.prompt, .length = spec.length.value_or(0)};
  if (spec.marker.empty()) return side;
  side.marker = tokenizer.id(spec.marker);
  if (!side.marker) refuse_directory(directory, "the tokenizer does not have the token " + base::quoted(spec.marker) + ", which marks queries or documents");
  return side;
}

// What texts of either side get besides their tokens. A directory without a tokenizer takes ids, which are used as they are.
void bind_sides(const loaders::ModelDirectory& directory, const ModelConfig& config, const tokenizer::Tokenizer& tokenizer, TokenVectors& to) {
  const loaders::LateInteractionSpec& spec = *directory.sentence_transformers->late_interaction;
  to.query = bind_side(directory, spec.query, tokenizer);
  to.document = bind_side(directory, spec.document, tokenizer);
  if (spec.expand) {
    const auto mask = tokenizer.mask_id();
    if (!mask) refuse_directory(directory, "queries are filled up with mask tokens, but the tokenizer has none");
    // Tokens that no token sees: the kernels know them as a row's last keys.
    const bool fits = config.disentangled.span == 0 &&
                      std::all_of(config.plan.begin(), config.plan.end(), [&](const LayerPlan& plan) { return plan.before >= to.query.length; });
    if (!spec.attend && !fits) refuse_directory(directory, "queries filled up with tokens that are not attended to are not supported for this architecture");
    to.fill_id = *mask;
    to.fill_attended = spec.attend;
    to.query.fill = std::min(to.query.length, config.max_positions);
  }
  // A word that is no token of its own stands for nothing (the library would leave out every unknown token for it).
  for (const std::string& word : spec.skipped)
    if (const auto id = tokenizer.id(word)) to.skipped.push_back(*id);
  to.skipped = sorted(std::move(to.skipped));
}

void bind_modules(const loaders::ModelDirectory& directory, std::size_t hidden_size, const Compute& compute, TokenVectors& to) {
  to.size = hidden_size;
  for (const loaders::ModuleSpec& spec : directory.sentence_transformers->modules) {
    if (spec.type == ModuleType::normalize) to.modules.push_back({.type = ModuleType::normalize, .pooling = {}, .dense = {}});
    if (spec.type != ModuleType::dense) continue;
    const std::string label = base::display(directory.root / spec.path / "config.json");
    if (spec.dense.in_features != to.size)
      throw Error(ErrorCode::corrupt_file, label + ": field \"in_features\": expected " + std::to_string(to.size) + ", which the module before gives, got " +
                                               std::to_string(spec.dense.in_features));
    to.modules.push_back({.type = ModuleType::dense, .pooling = {}, .dense = bind_dense_module(spec.dense, label, compute)});
    to.size = spec.dense.out_features;
  }
}

// One linear layer from the hidden states to any size, and normalize: BGE-M3's colbert_linear, Stanford's ColBERT.
void bind_linear(const loaders::TensorStore& tensors, const std::string& name, bool bias, std::size_t hidden_size, const Compute& compute, TokenVectors& to) {
  const loaders::TensorView* weight = tensors.find(name.empty() ? "weight" : name + ".weight");
  const bool has_rows = weight != nullptr && weight->shape.size() == 2 && weight->shape[0] > 0 && weight->shape[0] <= kMaxVectorSize;
  to.size = has_rows ? static_cast<std::size_t>(weight->shape[0]) : hidden_size;  // which the binder then misses
  SentenceModule dense{.type = ModuleType::dense, .pooling = {}, .dense = {}};
  Binder binder(tensors, compute);
  binder.linear(dense.dense.linear, name, to.size, hidden_size, Precision::fp32, bias);
  binder.finish(tensors.label());
  to.modules.push_back(std::move(dense));
  to.modules.push_back({.type = ModuleType::normalize, .pooling = {}, .dense = {}});
}

bool skips(const std::vector<std::int32_t>& skipped, std::int32_t id) { return std::binary_search(skipped.begin(), skipped.end(), id); }

void check_finite(const Compute& compute, const float* values, std::size_t count, std::size_t input) {
  if (!compute.kernels.all_finite(values, count)) throw Error(ErrorCode::non_finite, input_name(input) + ": the model's result is NaN or infinite");
}

}  // namespace

std::optional<TokenVectors> bind_token_vectors(const loaders::ModelDirectory& directory, const loaders::TensorStore& tensors, const ModelConfig& config,
                                               const tokenizer::Tokenizer* tokenizer, const Compute& compute, base::FileAccess access) {
  TokenVectors vectors;
  if (directory.sentence_transformers && directory.sentence_transformers->late_interaction) {
    if (tokenizer != nullptr) bind_sides(directory, config, *tokenizer, vectors);
    if (directory.sentence_transformers->late_interaction->linear_in_weights) {
      bind_linear(tensors, "linear", false, config.hidden_size, compute, vectors);
    } else {
      bind_modules(directory, config.hidden_size, compute, vectors);
    }
    return vectors;
  }
  const auto linear = loaders::TensorStore::open_file(directory.root, "colbert_linear", access);
  if (!linear) return std::nullopt;
  bind_linear(*linear, "", true, config.hidden_size, compute, vectors);
  vectors.skip_first = true;
  return vectors;
}

void run_token_vectors(const Compute& compute, const TokenVectors& vectors, bool query, std::size_t hidden_size, std::size_t first_input, Workspace& workspace,
                       TokenValues& out) {
  const RaggedBatch& batch = workspace.batch;
  workspace.pooled.assign(workspace.hidden(), workspace.hidden() + batch.tokens() * hidden_size);
  run_dense_modules(compute, vectors.modules, batch.tokens(), hidden_size, workspace);
  for (std::size_t row = 0; row < batch.rows(); ++row) {
    std::size_t kept = 0;
    const std::size_t begin = batch.cumulative_lengths[row];
    for (std::size_t t = begin + (vectors.skip_first ? 1 : 0); t < batch.cumulative_lengths[row + 1]; ++t) {
      if (!query && skips(vectors.skipped, batch.ids[t])) continue;
      const float* values = workspace.pooled.data() + t * vectors.size;
      check_finite(compute, values, vectors.size, first_input + row);
      out.values.insert(out.values.end(), values, values + vectors.size);
      ++kept;
    }
    out.first_token.push_back(out.first_token.back() + kept);
  }
}

std::optional<TokenWeights> bind_token_weights(const loaders::ModelDirectory& directory, const ModelConfig& config, const tokenizer::Tokenizer* tokenizer,
                                               const Compute& compute, base::FileAccess access) {
  const auto tensors = loaders::TensorStore::open_file(directory.root, "sparse_linear", access);
  if (!tensors) return std::nullopt;
  TokenWeights weights;
  Vector bias;
  Binder binder(*tensors, compute);
  binder.values(weights.weight, {"weight"}, {1, config.hidden_size});
  binder.values(bias, {"bias"}, {1});
  binder.finish(tensors->label());
  weights.bias = bias[0];
  if (tokenizer == nullptr) return weights;
  for (std::int32_t id = 0; id <= tokenizer->max_id(); ++id)
    if (tokenizer->is_frame(id)) weights.skipped.push_back(id);
  if (const auto unknown = tokenizer->unknown_id()) weights.skipped.push_back(*unknown);
  if (config.body.positions_skip_padding) weights.skipped.push_back(config.padding_id);
  weights.skipped = sorted(std::move(weights.skipped));
  return weights;
}

void run_token_weights(const Compute& compute, const TokenWeights& weights, std::size_t hidden_size, std::size_t most, std::size_t first_input,
                       Workspace& workspace, SparseVectors& out) {
  const RaggedBatch& batch = workspace.batch;
  std::map<std::int32_t, float> largest;
  for (std::size_t row = 0; row < batch.rows(); ++row) {
    largest.clear();
    for (std::size_t t = batch.cumulative_lengths[row]; t < batch.cumulative_lengths[row + 1]; ++t) {
      if (skips(weights.skipped, batch.ids[t])) continue;
      const float value = compute.kernels.dot(workspace.hidden() + t * hidden_size, weights.weight.data(), hidden_size) + weights.bias;
      check_finite(compute, &value, 1, first_input + row);
      if (value <= 0.0F) continue;
      float& best = largest[batch.ids[t]];
      best = std::max(best, value);
    }
    for (const auto& [id, value] : largest) out.values.push_back({static_cast<std::uint32_t>(id), value});
    out.end_row(most);
  }
}

float max_similarity(const kernels::KernelTable& kernels, std::span<const float> query, std::span<const float> document, std::size_t size) noexcept {
  if (document.empty()) return 0.0F;
  float sum = 0.0F;
  for (std::size_t q = 0; q < query.size(); q += size) {
    float best = kernels.dot(query.data() + q, document.data(), size);
    for (std::size_t d = size; d < document.size(); d += size) best = std::max(best, kernels.dot(query.data() + q, document.data() + d, size));
    sum += best;
  }
  return sum;
}

}  // namespace berth::engine
