#include "engine/encoder.hpp"

#include <cmath>

namespace berth::engine {

namespace {

// hidden[t] = LayerNorm(word[id] + token_type[type] + position[place in its row]).
void embed(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, Workspace& workspace) noexcept {
  const RaggedBatch& batch = workspace.batch;
  const std::size_t size = config.hidden_size;
  float* hidden = workspace.hidden();
  const auto embed_row = [&](std::size_t row) noexcept {
    for (std::size_t t = batch.cumulative_lengths[row]; t < batch.cumulative_lengths[row + 1]; ++t) {
      float* out = hidden + t * size;
      const auto add = [&](const TableView& table, std::size_t index) {
        if (table.data != nullptr) compute.kernels.add_row(out, table.row(index), table.type, size);
      };
      compute.kernels.load_row(out, weights.word_embeddings.row(static_cast<std::size_t>(batch.ids[t])), weights.word_embeddings.type, size);
      add(weights.token_type_embeddings, static_cast<std::size_t>(batch.type_ids[t]));
      add(weights.position_embeddings, t - batch.cumulative_lengths[row]);
    }
  };
  const std::size_t tokens_a_row = batch.tokens() / batch.rows() + 1;
  for_row_blocks(compute.pool, batch.rows(), tokens_a_row * size, [&](std::size_t first, std::size_t count, std::size_t) noexcept {
    for (std::size_t row = first; row < first + count; ++row) embed_row(row);
  });
  run_layer_norm(compute, weights.embedding_norm, config.layer_norm_epsilon, hidden, hidden, batch.tokens(), size, weights.layer_precision,
                 workspace.low());
}

// mixed = attention of every head of every row over workspace.wide(), which holds [tokens, 3 hidden]: queries, keys, values.
void attend(const Compute& compute, const ModelConfig& config, Precision precision, Workspace& workspace) noexcept {
  const RaggedBatch& batch = workspace.batch;
  const std::size_t size = config.hidden_size;
  const auto attention = uses_bf16_attention(compute, precision) ? compute.low.attention_bf16 : compute.kernels.attention_f32;
  const float scale = 1.0F / std::sqrt(static_cast<float>(config.head_size));
  const std::size_t tokens_a_row = batch.tokens() / batch.rows() + 1;
  const std::size_t cost = tokens_a_row * (tokens_a_row + 16) * config.head_size / 8;  // of a head, in the units of for_row_blocks: 8 to 16 multiply-adds each
  for_row_blocks(compute.pool, batch.rows() * config.num_heads, cost, [&](std::size_t first, std::size_t count, std::size_t slot) noexcept {
    for (std::size_t pair = first; pair < first + count; ++pair) {
      const std::size_t begin = batch.cumulative_lengths[pair / config.num_heads];
      const std::size_t offset = pair % config.num_heads * config.head_size;
      const float* qkv = workspace.wide() + begin * 3 * size + offset;
      kernels::AttentionArgs args;
      args.q = qkv;
      args.k = qkv + size;
      args.v = qkv + 2 * size;
      args.stride = 3 * size;
      args.out = workspace.mixed() + begin * size + offset;
      args.out_stride = size;
      args.tokens = batch.length(pair / config.num_heads);
      args.head_size = config.head_size;
      args.scale = scale;
      args.scratch = workspace.attention(slot);
      attention(args);
    }
  });
}

// Post-norm: x = norm(x + attention(x)); x = norm(x + mlp(x)). Before each product its input is in workspace.low() in the layers' precision.
void run_layer(const Compute& compute, const ModelConfig& config, const LayerWeights& layer, Workspace& workspace) noexcept {
  const std::size_t tokens = workspace.batch.tokens();
  const std::size_t size = config.hidden_size;
  const float epsilon = config.layer_norm_epsilon;
  const Precision precision = layer.query_key_value.precision;
  const LowRows low = workspace.low();
  float* x = workspace.hidden();
  run_linear(compute, layer.query_key_value, {.x = x, .low = low, .y = workspace.wide(), .rows = tokens});
  attend(compute, config, precision, workspace);
  lower_rows(compute, precision, workspace.mixed(), tokens, size, low);
  run_linear(compute, layer.attention_output, {.x = workspace.mixed(), .low = low, .y = workspace.summed(), .rows = tokens, .residual = x});
  run_layer_norm(compute, layer.attention_norm, epsilon, workspace.summed(), x, tokens, size, precision, low);
  run_linear(compute, layer.intermediate, {.x = x, .low = low, .y = workspace.wide(), .rows = tokens, .activation = config.activation});
  lower_rows(compute, precision, workspace.wide(), tokens, config.intermediate_size, low);
  run_linear(compute, layer.output, {.x = workspace.wide(), .low = low, .y = workspace.summed(), .rows = tokens, .residual = x});
  run_layer_norm(compute, layer.output_norm, epsilon, workspace.summed(), x, tokens, size, precision, low);
}

}  // namespace

void run_encoder(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, std::size_t layers, Workspace& workspace) noexcept {
  if (workspace.batch.tokens() == 0) return;
  embed(compute, config, weights, workspace);
  for (std::size_t i = 0; i < layers; ++i) run_layer(compute, config, weights.layers[i], workspace);
}

}  // namespace berth::engine
