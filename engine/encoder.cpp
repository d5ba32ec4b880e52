#include "engine/encoder.hpp"

#include <algorithm>
#include <utility>

#include "engine/attention.hpp"
#include "engine/chunks.hpp"
#include "engine/elementwise.hpp"
#include "engine/embed.hpp"
#include "engine/experts.hpp"
#include "engine/thread_shares.hpp"

namespace berth::engine {

namespace {

// Rows of the workspace that a LayerRun works on: tokens [first, first + count) of the stream and of what attention reads and gives, and as many rows
// from `scratch` on of what nobody else looks at.
struct Slice {
  std::size_t first = 0;
  std::size_t count = 0;
  std::size_t scratch = 0;
};

// One layer over the residual stream, which is in `x` before and after it, for a slice of the batch's tokens: all that stands between two attentions
// looks at one token at a time. Before a product its input is in workspace.low(), too, as the product reads it; `next` is the product that reads the
// layer's output so, null behind the last one.
class LayerRun {
 public:
  LayerRun(const Compute& compute, const ModelConfig& config, const LayerWeights& layer, const LayerPlan& plan, const Linear* next, Workspace& workspace,
           Slice slice)
      : compute_(compute),
        config_(config),
        layer_(layer),
        next_(next),
        plan_(plan),
        workspace_(workspace),
        slice_(slice),
        precision_(layer.query_key_value.precision),
        low_(workspace.low(slice.scratch)),
        x_(workspace.hidden() + slice.first * config.hidden_size),
        summed_(workspace.summed() + slice.scratch * config.hidden_size) {}

  // x to queries, keys and values; or to queries alone, whose keys and values what the encoder gave becomes.
  void before_attention() noexcept {
    const float* in = block_input(layer_.attention_norm, &layer_.query_key_value);
    project(layer_.query_key_value, in, 0, layer_.crosses() ? &layer_.key_value : &layer_.attention_output);
    if (layer_.crosses()) {
      const float* memory = rows(workspace_.memory(), config_.hidden_size);
      lower_rows(compute_, layer_.key_value, memory, slice_.count, low_);
      project(layer_.key_value, memory, config_.query_size(), &layer_.attention_output);
    }
    norm_heads(layer_.query_norm, 0, config_.query_size());
    norm_heads(layer_.key_norm, config_.query_size(), config_.key_size());
  }

  // What attention gives to the layer's result.
  void after_attention() noexcept {
    const std::size_t size = config_.query_size();
    const float* residual = residual_before(layer_.attention_result_norm);
    if (attends_bf16_rows(compute_, config_, layer_, plan_, precision_)) {
      const LowRows mixed = lower_bf16_rows(compute_, layer_.attention_output, bf16_rows(workspace_.mixed_bf16(), size), slice_.count, low_);
      run_linear(compute_, layer_.attention_output, {.low = mixed, .y = summed_, .rows = slice_.count, .residual = residual, .next = first_inner()});
    } else {
      const float* mixed = rows(workspace_.mixed(), size);
      lower_rows(compute_, layer_.attention_output, mixed, slice_.count, low_);
      run_linear(compute_, layer_.attention_output, {.x = mixed, .low = low_, .y = summed_, .rows = slice_.count, .residual = residual, .next = first_inner()});
    }
    end_block(layer_.attention_norm, layer_.attention_outer_norm, layer_.attention_result_norm, first_inner());
    if (layer_.experts.present()) {
      experts_block();
    } else if (layer_.feeds_forward()) {
      feed_forward_block();
    }
  }

 private:
  float* rows(float* all, std::size_t size) const noexcept { return all + slice_.first * size; }
  std::uint16_t* bf16_rows(std::uint16_t* all, std::size_t size) const noexcept {
    return all + slice_.first * low_row_bytes(Precision::bf16, size) / sizeof(*all);
  }

  // The product reads x, which is in low_, too, and writes what attention reads, from value `begin` of every token on.
  void project(const Linear& linear, const float* x, std::size_t begin, const Linear* next) noexcept {
    const std::size_t size = config_.query_key_value_size();
    LinearArgs args{.x = x, .low = low_, .rows = slice_.count, .next = next};
    if (attends_bf16_rows(compute_, config_, layer_, plan_, precision_)) {
      args.y_bf16 = bf16_rows(workspace_.wide_bf16(), size) + begin;
      args.y_stride = low_row_bytes(Precision::bf16, size) / sizeof(*args.y_bf16);
    } else {
      args.y = rows(workspace_.wide(), size) + begin;
      args.y_stride = size;
    }
    run_linear(compute_, linear, args);
  }

  // The product behind attention's block, of this layer or of the next. Experts read the stream as it is: each lowers its rows for itself.
  const Linear* first_inner() const noexcept {
    if (!layer_.feeds_forward()) return next_;
    return layer_.experts.present() ? nullptr : &layer_.intermediate;
  }

  // Over all tokens: there are no slices then (runs_slices).
  void experts_block() noexcept {
    const float* in = block_input(layer_.output_norm, nullptr);
    const float* residual = residual_before(layer_.output_result_norm);
    run_experts(compute_, config_, layer_.experts, {.x = in, .residual = residual, .y = summed_, .rows = slice_.count}, workspace_);
    end_block(layer_.output_norm, {}, layer_.output_result_norm, next_);
  }

  void feed_forward_block() noexcept {
    const std::size_t inner = config_.intermediate_size;
    const bool gated = config_.body.gate != Gate::none;
    const float* in = block_input(layer_.output_norm, &layer_.intermediate);
    const float* residual = residual_before(layer_.output_result_norm);
    if (keeps_bf16_inner(compute_, config_, precision_)) {
      std::uint16_t* activated = workspace_.inner_bf16() + slice_.scratch * low_row_bytes(Precision::bf16, inner) / sizeof(*activated);
      run_linear(compute_, layer_.intermediate,
                 {.low = low_, .y_bf16 = activated, .rows = slice_.count, .activation = config_.activation, .next = &layer_.output});
      const LowRows lowered = lower_bf16_rows(compute_, layer_.output, activated, slice_.count, low_);
      run_linear(compute_, layer_.output, {.low = lowered, .y = summed_, .rows = slice_.count, .residual = residual, .next = next_});
      end_block(layer_.output_norm, {}, layer_.output_result_norm, next_);
      return;
    }
    float* wide = rows(workspace_.wide(), gated ? 2 * inner : inner);
    run_linear(
        compute_, layer_.intermediate,
        {.x = in, .low = low_, .y = wide, .rows = slice_.count, .activation = gated ? kernels::Activation::none : config_.activation, .next = &layer_.output});
    if (gated) {
      run_gate(compute_, wide, slice_.count, inner, config_.body.gate == Gate::second_half, config_.activation, layer_.output, low_);
    } else {
      lower_rows(compute_, layer_.output, wide, slice_.count, low_);
    }
    run_linear(compute_, layer_.output,
               {.x = wide, .x_stride = gated ? 2 * inner : inner, .low = low_, .y = summed_, .rows = slice_.count, .residual = residual, .next = next_});
    end_block(layer_.output_norm, {}, layer_.output_result_norm, next_);
  }

  // What the block's first product, `reader`, reads: the stream, which the norm before has lowered, or its norm. Null: nothing reads it so.
  const float* block_input(const Norm& norm, const Linear* reader) noexcept {
    if (!config_.body.pre_norm) return x_;
    if (!norm.present()) {
      if (reader != nullptr) lower_rows(compute_, *reader, x_, slice_.count, low_);
      return x_;
    }
    run_norm(norm, x_, rows(workspace_.mixed(), config_.hidden_size), reader);
    return rows(workspace_.mixed(), config_.hidden_size);
  }

  // What the block's last product adds: the stream, unless a norm of the block's result comes first.
  const float* residual_before(const Norm& result_norm) const noexcept { return result_norm.present() ? nullptr : x_; }

  // The block's result with residual_before(result) added is in `summed`. `reader` is what comes next.
  void end_block(const Norm& norm, const Norm& outer, const Norm& result, const Linear* reader) noexcept {
    if (result.present()) {
      run_norm(result, summed_, summed_, nullptr);
      add_rows(compute_, x_, summed_, slice_.count * config_.hidden_size);
      return;
    }
    if (config_.body.pre_norm) {
      std::swap(x_, summed_);  // back in place behind the second block
      return;
    }
    if (!outer.present()) {
      run_norm(norm, summed_, x_, reader);
      return;
    }
    run_norm(norm, summed_, summed_, nullptr);
    add_rows(compute_, x_, summed_, slice_.count * config_.hidden_size);
    run_norm(outer, x_, x_, reader);
  }

  void run_norm(const Norm& norm, const float* from, float* to, const Linear* reader) noexcept {
    engine::run_norm(compute_, norm, config_.layer_norm_epsilon, from, to, slice_.count, config_.hidden_size, reader, low_);
  }

  // Over values [begin, begin + size) of each token's queries, keys and values: as many together as the norm has weights, all heads or one.
  void norm_heads(const Norm& norm, std::size_t begin, std::size_t size) noexcept {
    if (!norm.present()) return;
    const std::size_t stride = config_.query_key_value_size();
    float* all = rows(workspace_.wide(), stride) + begin;
    for_row_blocks(compute_.pool, slice_.count, size, [&](std::size_t first, std::size_t count, std::size_t) noexcept {
      kernels::NormArgs args;
      args.stride = stride;
      args.weight = norm.weight.data();
      args.bias = norm.bias.data();
      args.rows = count;
      args.size = norm.weight.size();
      args.epsilon = config_.layer_norm_epsilon;
      for (std::size_t head = 0; head < size; head += args.size) {
        args.out = all + first * stride + head;
        args.x = args.out;
        norm_kernel(compute_, norm)(args);
      }
    });
  }

  const Compute& compute_;
  const ModelConfig& config_;
  const LayerWeights& layer_;
  const Linear* next_;
  const LayerPlan& plan_;
  Workspace& workspace_;
  Slice slice_;
  Precision precision_;
  LowRows low_;
  float* x_;
  float* summed_;
};

// x = norm(x + the convolution of the embeddings), for `reader`.
void add_convolution(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, const Linear* reader, Workspace& workspace) noexcept {
  float* x = workspace.hidden();
  add_rows(compute, x, workspace.convolved(), workspace.batch.tokens() * config.hidden_size);
  run_norm(compute, weights.convolution_norm, config.layer_norm_epsilon, x, x, workspace.batch.tokens(), config.hidden_size, reader, workspace.low());
}

// All that is between two attentions, slice by slice, one thread each: an activation stays in that core's cache from one product to the next, in memory
// that the thread's next slice uses again, and a layer takes two parallel regions instead of nine. Every slice reads all the layer's weights, so either there are many rows to use them for, or the
// weights fit the second cache. For models that keep BF16 rows, whose slices share no memory. Not with experts: a slice's few rows for each of them would not pay
// for reading them all.
bool runs_slices(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, std::size_t tokens) noexcept {
  constexpr std::size_t kCachedWeights = std::size_t{8} << 20;
  const auto threads = static_cast<std::size_t>(compute.pool.threads());
  const Precision precision = weights.layer_precision;
  if (config.body.pre_norm || config.convolution.width > 0 || config.experts.count > 0 || !keeps_bf16_inner(compute, config, precision)) return false;
  for (const LayerPlan& plan : config.plan)
    if (!attends_bf16_rows(compute, config, weights.layers[plan.weights], plan, precision)) return false;
  const std::size_t least = threads * (weights.layers.front().product_bytes() <= kCachedWeights ? kLeastSliceRows : kSliceRows);
  return tokens >= least && tokens >= 2 * kLeastSliceRows && (threads > 1 || tokens >= kSliceRows + kSliceRows / 2);
}

// The product that reads what comes before layer i of the first `end`, as it is: none where a norm is between them.
const Linear* reader_of(const ModelConfig& config, const ModelWeights& weights, std::size_t i, std::size_t end) noexcept {
  return i < end && !config.body.pre_norm ? &weights.layers[config.plan[i].weights].query_key_value : nullptr;
}

// Layers of the plan, [begin, end), one stack.
struct Stack {
  std::size_t begin = 0;
  std::size_t end = 0;
};

void run_layers(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, Stack stack, bool sliced, Workspace& workspace) noexcept {
  const auto [begin, end] = stack;
  const std::size_t tokens = workspace.batch.tokens();
  const Compute inside{.kernels = compute.kernels, .low = compute.low, .pool = one_thread()};
  const auto layer = [&, end = end](const Compute& with, std::size_t i, Slice slice) {
    const bool convolves = i == 0 && config.convolution.width > 0;  // its result has a norm of its own
    const Linear* next = convolves ? nullptr : reader_of(config, weights, i + 1, end);
    return LayerRun(with, config, weights.layers[config.plan[i].weights], config.plan[i], next, workspace, slice);
  };
  const auto attention = [&](std::size_t i) noexcept {
    attend(compute, config, weights.layers[config.plan[i].weights], config.plan[i], weights.layer_precision, workspace);
  };
  const Slice all{.count = tokens};
  if (!sliced) {
    for (std::size_t i = begin; i < end; ++i) {
      layer(compute, i, all).before_attention();
      attention(i);
      layer(compute, i, all).after_attention();
      if (i == 0 && config.convolution.width > 0) add_convolution(compute, config, weights, reader_of(config, weights, 1, end), workspace);
    }
    return;
  }
  const auto threads = static_cast<std::size_t>(compute.pool.threads());
  const std::size_t unit = slice_unit(tokens, threads);
  const std::size_t scratch = ThreadShares::largest_piece(tokens, threads, unit, kSliceRows);  // plan_workspace has as much for each thread
  const bool team = compute.pool.is_team();                                                    // each of whose members would deal for itself, at another moment
  if (end > begin) layer(compute, begin, all).before_attention();
  for (std::size_t i = begin; i < end; ++i) {
    attention(i);
    if (!team) workspace.shares.deal(tokens, threads, unit, kSliceRows);
    const auto run = [&, end = end](ThreadShares::Piece piece, std::size_t slot) noexcept {
      const Slice slice{.first = piece.first, .count = piece.count, .scratch = slot * scratch};
      layer(inside, i, slice).after_attention();
      if (i + 1 < end) layer(inside, i + 1, slice).before_attention();
    };
    compute.pool.parallel_for(threads, [&](std::size_t share, std::size_t slot) noexcept {
      if (team) return run(ThreadShares::equal(share, tokens, threads, unit), slot);
      for (ThreadShares::Piece piece = workspace.shares.take(slot); piece.count > 0; piece = workspace.shares.take(slot)) run(piece, slot);
    });
  }
}

// Few tokens take so little time that starting some ten parallel regions a layer would be much of it: one is started for all layers, whose threads stay
// together. Many tokens gain nothing by it, and lose where one core is slower than the other. Nor does a model of hardly any weights.
bool run_as_team(const ModelConfig& config, const ModelWeights& weights, Stack stack, std::size_t tokens) noexcept {
  constexpr std::size_t kMostTokens = 64;
  constexpr std::size_t kLeastWeights = std::size_t{4} << 20;
  if (tokens > kMostTokens) return false;
  std::size_t bytes = 0;
  for (std::size_t i = stack.begin; i < stack.end; ++i) bytes += weights.layers[config.plan[i].weights].product_bytes();
  return bytes >= kLeastWeights;
}

void run_layers(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, Stack stack, Workspace& workspace) noexcept {
  const std::size_t tokens = workspace.batch.tokens();
  const bool sliced = runs_slices(compute, config, weights, tokens);
  if (!run_as_team(config, weights, stack, tokens)) {
    run_layers(compute, config, weights, stack, sliced, workspace);
    return;
  }
  workspace.shares.deal(std::min(static_cast<std::size_t>(compute.pool.threads()), base::Team::kMostMembers));
  compute.pool.as_team([&](const base::ThreadPool& pool) noexcept {
    run_layers({.kernels = compute.kernels, .low = compute.low, .pool = pool, .shares = &workspace.shares}, config, weights, stack, sliced, workspace);
  });
}

// What the encoder gave becomes what the decoder's layers attend to.
void run_decoder(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, std::size_t end, Workspace& workspace) noexcept {
  const Stack stack{.begin = config.encoder_plan(), .end = end};
  std::copy_n(workspace.hidden(), workspace.batch.tokens() * config.hidden_size, workspace.memory());
  embed_moved(compute, config, weights, reader_of(config, weights, stack.begin, stack.end), workspace);
  run_layers(compute, config, weights, stack, workspace);
}

}  // namespace

void prepare(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, Workspace& workspace) {
  const RaggedBatch& batch = workspace.batch;
  if (prepare_chunks(compute, config, weights, workspace)) return;
  workspace.reserve(plan_workspace(config, weights.layer_precision, compute, batch.tokens(), batch.longest()));
  workspace.positions.reserve(config, weights.relative_bias, batch.longest());
  workspace.shares.reserve(static_cast<std::size_t>(compute.pool.threads()));
  workspace.routing.reserve(config.experts, batch.tokens());
}

void run_encoder(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, std::optional<std::size_t> layers,
                 Workspace& workspace) noexcept {
  if (workspace.batch.tokens() == 0) return;
  if (!workspace.chunks.empty()) return run_chunks(compute, config, weights, layers, workspace);
  const std::size_t end = layers ? *layers * config.inner_layers : config.plan.size();
  embed(compute, config, weights, reader_of(config, weights, 0, end), workspace);
  const bool convolves = config.convolution.width > 0 && end > 0;
  if (convolves) convolve(compute, config, weights, workspace);
  run_layers(compute, config, weights, {.end = std::min(end, config.encoder_plan())}, workspace);
  if (end > config.encoder_plan()) run_decoder(compute, config, weights, end, workspace);
  if (!layers && weights.final_norm.present())
    run_norm(compute, weights.final_norm, config.layer_norm_epsilon, workspace.hidden(), workspace.hidden(), workspace.batch.tokens(), config.hidden_size,
             nullptr, workspace.low());
}

}  // namespace berth::engine
