#include "engine/embed.hpp"

#include <algorithm>

#include "engine/linear.hpp"
#include "engine/tensor_rows.hpp"

namespace berth::engine {

namespace {

// The place of each token of a row in the position table.
class Positions {
 public:
  explicit Positions(const ModelConfig& config) : skip_(config.body.positions_skip_padding), padding_(config.padding_id), count_(config.first_position) {}

  std::size_t next(std::int32_t id) noexcept {
    if (!skip_) return count_++;
    const auto padding = static_cast<std::size_t>(padding_);
    return id == padding_ ? padding : padding + ++count_;
  }

 private:
  bool skip_;
  std::int32_t padding_;
  std::size_t count_;
};

// out [tokens, embedding size] = scale * word[id] + token_type[type] + position[place in its row] + task_type[0].
// A decoder's tokens have the id before theirs and the positions of a table of their own.
void look_up(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, const RaggedBatch& batch, bool moved, float* out) noexcept {
  const std::size_t size = config.embedding_size;
  const auto adapt = [&](float* to, const TableView& table, std::size_t index) noexcept {
    if (table.added != nullptr) table.added->add(compute.kernels, index, 1, to);
  };
  const auto add = [&](float* to, const TableView& table, std::size_t index) noexcept {
    if (table.data == nullptr) return;
    compute.kernels.add_row(to, table.row(index), table.type, size);
    adapt(to, table, index);
  };
  const auto look_up_row = [&](std::size_t row) noexcept {
    Positions positions(config);
    const std::size_t begin = batch.cumulative_lengths[row];
    for (std::size_t t = begin; t < batch.cumulative_lengths[row + 1]; ++t) {
      float* to = out + t * size;
      const auto id = static_cast<std::size_t>(!moved ? batch.ids[t] : t == begin ? config.decoder.start_id : batch.ids[t - 1]);
      compute.kernels.load_row(to, weights.word_embeddings.row(id), weights.word_embeddings.type, size);
      adapt(to, weights.word_embeddings, id);
      if (config.embedding_scale != 1.0F) compute.kernels.scale(to, config.embedding_scale, size);
      add(to, weights.token_type_embeddings, static_cast<std::size_t>(batch.type_ids[t]));
      add(to, moved ? weights.decoder_position_embeddings : weights.position_embeddings, positions.next(batch.ids[t]));
      add(to, weights.task_type_embeddings, 0);
    }
  };
  const std::size_t tokens_a_row = batch.tokens() / batch.rows() + 1;
  for_row_blocks(compute.pool, batch.rows(), tokens_a_row * size, [&](std::size_t first, std::size_t count, std::size_t) noexcept {
    for (std::size_t row = first; row < first + count; ++row) look_up_row(row);
  });
}

}  // namespace

void embed(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, const Linear* reader, Workspace& workspace) noexcept {
  const std::size_t tokens = workspace.batch.tokens();
  const bool projects = weights.embedding_projection.out > 0;
  const bool projects_first = projects && config.body.project_before_norm;
  float* hidden = workspace.hidden();
  float* found = projects ? workspace.wide() : hidden;
  look_up(compute, config, weights, workspace.batch, false, found);
  if (projects_first) run_linear(compute, weights.embedding_projection, {.x = found, .y = hidden, .rows = tokens});
  float* normed = projects_first ? hidden : found;
  const std::size_t size = projects_first ? config.hidden_size : config.embedding_size;
  const bool last = !projects || projects_first;
  const Norm& norm = weights.embedding_norm;
  if (norm.present()) run_norm(compute, norm, config.layer_norm_epsilon, normed, normed, tokens, size, last ? reader : nullptr, workspace.low());
  if (last && !norm.present() && reader != nullptr) lower_rows(compute, *reader, normed, tokens, workspace.low());
  if (last) return;
  run_linear(compute, weights.embedding_projection, {.x = found, .y = hidden, .rows = tokens});
  if (reader != nullptr) lower_rows(compute, *reader, hidden, tokens, workspace.low());
}

void embed_moved(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, const Linear* reader, Workspace& workspace) noexcept {
  float* hidden = workspace.hidden();
  look_up(compute, config, weights, workspace.batch, true, hidden);
  run_norm(compute, weights.decoder_embedding_norm, config.layer_norm_epsilon, hidden, hidden, workspace.batch.tokens(), config.hidden_size, reader,
           workspace.low());
}

void convolve(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, Workspace& workspace) noexcept {
  const RaggedBatch& batch = workspace.batch;
  const std::size_t size = config.hidden_size;
  const std::size_t width = config.convolution.width;
  const float* hidden = workspace.hidden();
  float* gathered = workspace.wide();  // [tokens, width, hidden]: each token between its neighbours, zeros beyond the row
  const std::size_t tokens_a_row = batch.tokens() / batch.rows() + 1;
  for_row_blocks(compute.pool, batch.rows(), tokens_a_row * width * size, [&](std::size_t first, std::size_t count, std::size_t) noexcept {
    for (std::size_t row = first; row < first + count; ++row) {
      const std::size_t begin = batch.cumulative_lengths[row];
      const std::size_t end = batch.cumulative_lengths[row + 1];
      for (std::size_t t = begin; t < end; ++t)
        for (std::size_t j = 0; j < width; ++j) {
          float* to = gathered + (t * width + j) * size;
          const std::size_t from = t + j - width / 2;  // wraps below 0, which is beyond the row as well
          if (from >= begin && from < end) {
            std::copy_n(hidden + from * size, size, to);
          } else {
            std::fill_n(to, size, 0.0F);
          }
        }
    }
  });
  run_linear(compute, weights.convolution, {.x = gathered, .y = workspace.convolved(), .rows = batch.tokens(), .activation = config.convolution.activation});
}

}  // namespace berth::engine
