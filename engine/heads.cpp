#include "engine/heads.hpp"

#include <algorithm>
#include <vector>

#include "engine/linear.hpp"
#include "engine/pooling.hpp"

namespace berth::engine {

namespace {

// workspace.pooled [rows, size] through the steps, in place; returns the size that they give.
std::size_t run_steps(const Compute& compute, const ModelConfig& config, std::span<const DenseLayer> steps, std::size_t rows, std::size_t size,
                      Workspace& workspace) {
  std::vector<float>& from = workspace.pooled;
  std::vector<float>& to = workspace.pooled2;
  for (const DenseLayer& step : steps) {
    size = step.linear.out;
    to.resize(rows * size);
    run_linear(compute, step.linear, {.x = from.data(), .y = to.data(), .rows = rows, .activation = step.activation});
    if (step.norm.present()) run_norm(compute, step.norm, config.layer_norm_epsilon, to.data(), to.data(), rows, size, nullptr, {});
    from.swap(to);
  }
  return size;
}

// workspace.pooled = the steps over every token.
std::size_t run_token_steps(const Compute& compute, const ModelConfig& config, std::span<const DenseLayer> steps, Workspace& workspace) {
  const std::size_t tokens = workspace.batch.tokens();
  workspace.pooled.assign(workspace.hidden(), workspace.hidden() + tokens * config.hidden_size);
  return run_steps(compute, config, steps, tokens, config.hidden_size, workspace);
}

// The last token of a row that is not the padding, the first where there is none; or the last that is the mark, the last of all where there is none.
std::size_t last_token(const RaggedBatch& batch, std::size_t row, const HeadConfig& head) {
  const std::size_t begin = batch.cumulative_lengths[row];
  const std::size_t last = batch.cumulative_lengths[row + 1] - 1;
  const bool mark = head.pooling == HeadPooling::last_mark;
  std::size_t token = last;
  while (token > begin && (mark ? batch.ids[token] != head.mark_id : batch.ids[token] == head.padding_id)) --token;
  return mark && batch.ids[token] != head.mark_id ? last : token;
}

// out[i, v] = x[i] . table[v] + bias[v]. The table's rows are read once, in their own type.
void decode(const Compute& compute, const ModelWeights& weights, std::size_t size, const float* x, std::size_t count, std::vector<float>& scratch, float* out) {
  const std::size_t vocabulary = weights.decoder.rows;
  scratch.resize(static_cast<std::size_t>(compute.pool.threads()) * size);
  for_row_blocks(compute.pool, vocabulary, size * (count + 1) / 4, [&](std::size_t first, std::size_t number, std::size_t slot) noexcept {
    float* row = scratch.data() + slot * size;
    for (std::size_t v = first; v < first + number; ++v) {
      compute.kernels.load_row(row, weights.decoder.row(v), weights.decoder.type, size);
      const float bias = weights.decoder_bias.size() == 0 ? 0.0F : weights.decoder_bias[v];
      for (std::size_t i = 0; i < count; ++i) out[i * vocabulary + v] = compute.kernels.dot(x + i * size, row, size) + bias;
    }
  });
}

}  // namespace

void run_row_head(const Compute& compute, const ModelConfig& config, std::span<const DenseLayer> steps, HeadPooling pooling, Workspace& workspace, float* out) {
  const std::size_t rows = workspace.batch.rows();
  std::size_t size = config.hidden_size;
  const loaders::PoolingMode mode = pooling == HeadPooling::first ? loaders::PoolingMode::cls : loaders::PoolingMode::mean;
  if (pooling == HeadPooling::late) {
    size = run_token_steps(compute, config, steps.first(steps.size() - 1), workspace);
    workspace.pooled2.resize(rows * size);
    pool(compute, {&mode, 1}, size, workspace.batch, workspace.pooled.data(), workspace.pooled2.data());
    workspace.pooled.swap(workspace.pooled2);
    steps = steps.last(1);  // the mean of its outputs is its output of the mean
  } else if (pooling == HeadPooling::last || pooling == HeadPooling::last_mark) {
    workspace.pooled.resize(rows * size);
    for (std::size_t row = 0; row < rows; ++row)
      std::copy_n(workspace.hidden() + last_token(workspace.batch, row, config.head) * size, size, workspace.pooled.data() + row * size);
  } else {
    workspace.pooled.resize(rows * size);
    pool(compute, {&mode, 1}, size, workspace.batch, workspace.hidden(), workspace.pooled.data());
  }
  size = run_steps(compute, config, steps, rows, size, workspace);
  std::copy_n(workspace.pooled.data(), rows * size, out);
}

void run_token_head(const Compute& compute, const ModelConfig& config, std::span<const DenseLayer> steps, Workspace& workspace, float* out) {
  const std::size_t size = run_token_steps(compute, config, steps, workspace);
  std::copy_n(workspace.pooled.data(), workspace.batch.tokens() * size, out);
}

std::size_t run_masked_steps(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, Workspace& workspace) {
  return run_token_steps(compute, config, weights.head, workspace);
}

void run_masked_head(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, std::span<const std::size_t> tokens, Workspace& workspace,
                     float* out) {
  const std::size_t hidden = config.hidden_size;
  workspace.pooled.resize(tokens.size() * hidden);
  for (std::size_t i = 0; i < tokens.size(); ++i) std::copy_n(workspace.hidden() + tokens[i] * hidden, hidden, workspace.pooled.data() + i * hidden);
  const std::size_t size = run_steps(compute, config, weights.head, tokens.size(), hidden, workspace);
  decode(compute, weights, size, workspace.pooled.data(), tokens.size(), workspace.pooled2, out);
}

}  // namespace berth::engine
