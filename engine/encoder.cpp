#include "engine/encoder.hpp"

#include <utility>

#include "engine/attention.hpp"
#include "engine/elementwise.hpp"
#include "engine/embed.hpp"

namespace berth::engine {

namespace {

// One layer over the residual stream, which is in `x` before and after it. Before a product its input is in workspace.low(), too, in the layers' precision.
class LayerRun {
 public:
  LayerRun(const Compute& compute, const ModelConfig& config, const LayerWeights& layer, const LayerPlan& plan, Workspace& workspace)
      : compute_(compute),
        config_(config),
        layer_(layer),
        plan_(plan),
        workspace_(workspace),
        tokens_(workspace.batch.tokens()),
        precision_(layer.query_key_value.precision),
        low_(workspace.low()),
        x_(workspace.hidden()),
        summed_(workspace.summed()) {}

  void run() noexcept {
    attention_block();
    feed_forward_block();
  }

 private:
  void attention_block() noexcept {
    const float* in = block_input(layer_.attention_norm);
    if (attends_bf16_rows(compute_, config_, layer_, plan_, precision_)) {
      run_linear(compute_, layer_.query_key_value, {.low = low_, .y_bf16 = workspace_.wide_bf16(), .rows = tokens_});
      attend(compute_, config_, layer_, plan_, precision_, workspace_);
      const LowRows mixed = lower_bf16_rows(compute_, precision_, workspace_.mixed_bf16(), tokens_, config_.hidden_size, low_);
      run_linear(compute_, layer_.attention_output, {.low = mixed, .y = summed_, .rows = tokens_, .residual = x_});
      end_block(layer_.attention_norm, layer_.attention_outer_norm);
      return;
    }
    run_linear(compute_, layer_.query_key_value, {.x = in, .low = low_, .y = workspace_.wide(), .rows = tokens_});
    norm_heads(layer_.query_norm, 0);
    norm_heads(layer_.key_norm, 1);
    attend(compute_, config_, layer_, plan_, precision_, workspace_);
    lower_rows(compute_, precision_, workspace_.mixed(), tokens_, config_.hidden_size, low_);
    run_linear(compute_, layer_.attention_output, {.x = workspace_.mixed(), .low = low_, .y = summed_, .rows = tokens_, .residual = x_});
    end_block(layer_.attention_norm, layer_.attention_outer_norm);
  }

  void feed_forward_block() noexcept {
    const std::size_t inner = config_.intermediate_size;
    const bool gated = config_.body.gate != Gate::none;
    const float* in = block_input(layer_.output_norm);
    if (!gated && keeps_bf16_rows(compute_, precision_)) {
      run_linear(compute_, layer_.intermediate, {.low = low_, .y_bf16 = workspace_.wide_bf16(), .rows = tokens_, .activation = config_.activation});
      const LowRows activated = lower_bf16_rows(compute_, precision_, workspace_.wide_bf16(), tokens_, inner, low_);
      run_linear(compute_, layer_.output, {.low = activated, .y = summed_, .rows = tokens_, .residual = x_});
      end_block(layer_.output_norm, {});
      return;
    }
    float* wide = workspace_.wide();
    run_linear(compute_, layer_.intermediate,
               {.x = in, .low = low_, .y = wide, .rows = tokens_, .activation = gated ? kernels::Activation::none : config_.activation});
    if (gated) {
      run_gate(compute_, wide, tokens_, inner, config_.body.gate == Gate::second_half, config_.activation, precision_, low_);
    } else {
      lower_rows(compute_, precision_, wide, tokens_, inner, low_);
    }
    run_linear(compute_, layer_.output,
               {.x = wide, .x_stride = gated ? 2 * inner : inner, .low = low_, .y = summed_, .rows = tokens_, .residual = x_});
    end_block(layer_.output_norm, {});
  }

  // What the block's first product reads: the stream, which the norm before has lowered, or its norm.
  const float* block_input(const Norm& norm) noexcept {
    if (!config_.body.pre_norm) return x_;
    if (!norm.present()) {
      lower_rows(compute_, precision_, x_, tokens_, config_.hidden_size, low_);
      return x_;
    }
    run_norm(norm, x_, workspace_.mixed());
    return workspace_.mixed();
  }

  // The block's result with the stream added is in `summed`.
  void end_block(const Norm& norm, const Norm& outer) noexcept {
    if (config_.body.pre_norm) {
      std::swap(x_, summed_);  // back in place behind the second block
      return;
    }
    if (!outer.present()) {
      run_norm(norm, summed_, x_);
      return;
    }
    run_norm(norm, summed_, summed_);
    add_rows(compute_, x_, summed_, tokens_ * config_.hidden_size);
    run_norm(outer, x_, x_);
  }

  void run_norm(const Norm& norm, const float* from, float* to) noexcept {
    run_layer_norm(compute_, norm, config_.layer_norm_epsilon, from, to, tokens_, config_.hidden_size, precision_, low_);
  }

  // Over the queries (part 0) or keys (1) of all heads together, where they are in [tokens, 3 hidden].
  void norm_heads(const Norm& norm, std::size_t part) noexcept {
    if (!norm.present()) return;
    const std::size_t size = config_.hidden_size;
    for_row_blocks(compute_.pool, tokens_, size, [&](std::size_t first, std::size_t count, std::size_t) noexcept {
      kernels::LayerNormArgs args;
      args.out = workspace_.wide() + first * 3 * size + part * size;
      args.x = args.out;
      args.stride = 3 * size;
      args.weight = norm.weight.data();
      args.bias = norm.bias.data();
      args.rows = count;
      args.size = size;
      args.epsilon = config_.layer_norm_epsilon;
      compute_.kernels.layer_norm(args);
    });
  }

  const Compute& compute_;
  const ModelConfig& config_;
  const LayerWeights& layer_;
  const LayerPlan& plan_;
  Workspace& workspace_;
  std::size_t tokens_;
  Precision precision_;
  LowRows low_;
  float* x_;
  float* summed_;
};

// x = norm(x + the convolution of the embeddings).
void add_convolution(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, Workspace& workspace) noexcept {
  float* x = workspace.hidden();
  add_rows(compute, x, workspace.convolved(), workspace.batch.tokens() * config.hidden_size);
  run_layer_norm(compute, weights.convolution_norm, config.layer_norm_epsilon, x, x, workspace.batch.tokens(), config.hidden_size, weights.layer_precision,
                 workspace.low());
}

}  // namespace

void prepare(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, Workspace& workspace) {
  const RaggedBatch& batch = workspace.batch;
  workspace.reserve(plan_workspace(config, weights.layer_precision, compute, batch.tokens(), batch.longest()));
  workspace.positions.reserve(config, weights.relative_bias.data(), batch.longest());
}

void run_encoder(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, std::optional<std::size_t> layers, Workspace& workspace) noexcept {
  if (workspace.batch.tokens() == 0) return;
  const std::size_t end = layers ? *layers * config.inner_layers : config.plan.size();
  embed(compute, config, weights, workspace);
  const bool convolves = config.convolution.width > 0 && end > 0;
  if (convolves) convolve(compute, config, weights, workspace);
  for (std::size_t i = 0; i < end; ++i) {
    LayerRun(compute, config, weights.layers[config.plan[i].weights], config.plan[i], workspace).run();
    if (i == 0 && convolves) add_convolution(compute, config, weights, workspace);
  }
  if (!layers && weights.final_norm.present())
    run_layer_norm(compute, weights.final_norm, config.layer_norm_epsilon, workspace.hidden(), workspace.hidden(), workspace.batch.tokens(), config.hidden_size,
                   Precision::fp32, workspace.low());
}

}  // namespace berth::engine
