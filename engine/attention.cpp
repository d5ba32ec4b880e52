#include "engine/attention.hpp"

#include <algorithm>
#include <type_traits>

#include "engine/linear.hpp"

namespace berth::engine {

namespace {

constexpr std::size_t kLine = base::AlignedBuffer<float>::kAlignment / sizeof(float);
std::size_t whole_lines(std::size_t floats) { return (floats + kLine - 1) / kLine * kLine; }

// Low precision multiplies in BF16 where the instruction set can, unless positions take part in the products.
bool in_bf16(const Compute& compute, const ModelConfig& config, Precision precision) {
  return uses_bf16_attention(compute, precision) && config.disentangled.span == 0;
}

std::size_t kernel_scratch(const Compute& compute, const ModelConfig& config, Precision precision, std::size_t tokens) {
  const auto scratch = in_bf16(compute, config, precision) ? compute.low.attention_bf16_scratch : compute.kernels.attention_f32_scratch;
  return whole_lines(scratch(tokens, config.head_size));
}

// Heads of one row.
class HeadAttention {
 public:
  HeadAttention(const Compute& compute, const ModelConfig& config, const LayerWeights& layer, const LayerPlan& plan, Precision precision, Workspace& workspace)
      : compute_(compute), config_(config), layer_(layer), plan_(plan), precision_(precision), workspace_(workspace) {}

  // How many heads side by side may go in one call: those that differ in nothing but where they are.
  std::size_t together() const noexcept {
    const bool alike = config_.relative_bias == RelativeBias::none && plan_.rotary == kNoRotary && config_.disentangled.span == 0 && !shares_keys();
    return alike ? config_.num_heads : 1;
  }

  // Keys that several heads read are turned before any of them does; else each head turns its own.
  bool turns_keys_first() const noexcept { return plan_.rotary != kNoRotary && shares_keys(); }
  void turn_keys(std::size_t row, std::size_t key_head) const noexcept {
    const std::size_t begin = workspace_.batch.cumulative_lengths[row];
    const std::size_t tokens = workspace_.batch.length(row);
    float* keys = workspace_.wide() + begin * config_.query_key_value_size() + config_.query_size() + key_head * config_.head_size;
    rotate(keys, tokens);
    if (config_.rotaries[plan_.rotary].turns_values) rotate(keys + config_.key_size(), tokens);
  }

  void run(std::size_t row, std::size_t head, std::size_t heads, float* scratch) const noexcept {
    if (attends_bf16_rows(compute_, config_, layer_, plan_, precision_)) {
      auto args = head_of(workspace_.wide_bf16(), workspace_.mixed_bf16(), row, head, scratch);
      args.heads = heads;
      compute_.low.attention_bf16_rows(args);
      return;
    }
    kernels::AttentionArgs args = head_of(workspace_.wide(), workspace_.mixed(), row, head, scratch);
    args.heads = heads;
    if (plan_.rotary != kNoRotary) {
      rotate(workspace_.wide() + (args.q - workspace_.wide()), args.tokens);
      if (!shares_keys()) turn_keys(row, head);
    }
    if (config_.disentangled.span > 0) multiply_positions(args, head);
    (in_bf16(compute_, config_, precision_) ? compute_.low.attention_bf16 : compute_.kernels.attention_f32)(args);
  }

 private:
  bool shares_keys() const noexcept { return config_.num_key_value_heads != config_.num_heads; }

  // What is the same for every kernel. qkv is [tokens, queries + keys + values], out [tokens, queries].
  template <class Element>
  kernels::AttentionArgsOf<Element> head_of(Element* qkv, Element* out, std::size_t row, std::size_t head, float* scratch) const noexcept {
    const std::size_t begin = workspace_.batch.cumulative_lengths[row];
    const std::size_t offset = head * config_.head_size;
    kernels::AttentionArgsOf<Element> args;
    const auto row_size = [](std::size_t values) {
      return std::is_same_v<Element, float> ? values : low_row_bytes(Precision::bf16, values) / sizeof(std::uint16_t);
    };
    args.stride = row_size(config_.query_key_value_size());
    args.out_stride = row_size(config_.query_size());
    args.q = qkv + begin * args.stride + offset;
    args.k = qkv + begin * args.stride + config_.query_size() + head / config_.queries_a_key() * config_.head_size;
    args.v = args.k + config_.key_size();
    args.out = out + begin * args.out_stride + offset;
    args.tokens = workspace_.batch.length(row);
    args.head_size = config_.head_size;
    args.scale = config_.attention_scale;
    args.before = plan_.before;
    args.behind = plan_.behind;
    if (!workspace_.batch.attended.empty()) args.keys = workspace_.batch.attended[row];
    args.scratch = scratch;
    if (config_.relative_bias != RelativeBias::none) args.relative_bias = workspace_.positions.relative_bias(plan_.relative_table * config_.num_heads + head);
    return args;
  }

  void rotate(float* x, std::size_t tokens) const noexcept {
    const RotarySpec& rotary = config_.rotaries[plan_.rotary];
    compute_.kernels.rotary({.x = x,
                             .stride = config_.query_key_value_size(),
                             .tokens = tokens,
                             .pairs = rotary.frequencies.size(),
                             .cosines = workspace_.positions.cosines(plan_.rotary),
                             .sines = workspace_.positions.sines(plan_.rotary),
                             .interleaved = rotary.interleaved});
  }

  // Queries times positions and keys times positions, for the buckets that a row of this length meets.
  void multiply_positions(kernels::AttentionArgs& args, std::size_t head) const noexcept {
    const std::size_t stride = whole_lines(2 * config_.disentangled.span);
    float* products = args.scratch + kernel_scratch(compute_, config_, precision_, args.tokens);
    const auto multiply = [&](const std::vector<kernels::PackedF32>& positions, const float* x) -> const float* {
      if (positions.empty()) return nullptr;
      const auto panel = [&](std::ptrdiff_t key_minus_query) {
        return static_cast<std::size_t>(workspace_.positions.buckets()[key_minus_query]) / compute_.kernels.panel_width;
      };
      const auto last = static_cast<std::ptrdiff_t>(args.tokens - 1);
      kernels::GemmF32Args gemm;
      gemm.a = x;
      gemm.lda = args.stride;
      gemm.b = positions[positions.size() == 1 ? 0 : head].view();
      gemm.panel_begin = panel(last);
      gemm.panel_end = panel(-last) + 1;
      gemm.c = products;
      gemm.ldc = stride;
      gemm.rows = args.tokens;
      compute_.kernels.gemm_f32(gemm);
      products += args.tokens * stride;
      return gemm.c;
    };
    args.query_positions = multiply(layer_.position_keys, args.q);
    args.key_positions = multiply(layer_.position_queries, args.k);
    args.position_index = workspace_.positions.buckets();
    args.position_stride = stride;
  }

  const Compute& compute_;
  const ModelConfig& config_;
  const LayerWeights& layer_;
  const LayerPlan& plan_;
  Precision precision_;
  Workspace& workspace_;
};

}  // namespace

void attend(const Compute& compute, const ModelConfig& config, const LayerWeights& layer, const LayerPlan& plan, Precision precision,
            Workspace& workspace) noexcept {
  const RaggedBatch& batch = workspace.batch;
  const HeadAttention attention(compute, config, layer, plan, precision, workspace);
  const std::size_t tokens_a_row = batch.tokens() / batch.rows() + 1;
  const auto seen_on_a_side = [&](std::size_t most) { return std::min(most, tokens_a_row / 2); };
  const std::size_t seen = seen_on_a_side(plan.before) + seen_on_a_side(plan.behind);
  const std::size_t cost = tokens_a_row * (seen + 16) * config.head_size / 8;  // of a head, in the units of for_row_blocks: 8 to 16 multiply-adds each
  if (attention.turns_keys_first()) {
    for_row_blocks(compute.pool, batch.rows() * config.num_key_value_heads, tokens_a_row * config.head_size,
                   [&](std::size_t first, std::size_t count, std::size_t) noexcept {
                     for (std::size_t pair = first; pair < first + count; ++pair)
                       attention.turn_keys(pair / config.num_key_value_heads, pair % config.num_key_value_heads);
                   });
  }
  for_row_blocks(compute.pool, batch.rows() * config.num_heads, cost, [&](std::size_t first, std::size_t count, std::size_t slot) noexcept {
    for (std::size_t pair = first, heads = 0; pair < first + count; pair += heads) {
      const std::size_t head = pair % config.num_heads;
      heads = std::min({attention.together(), config.num_heads - head, first + count - pair});
      attention.run(pair / config.num_heads, head, heads, workspace.attention(slot));
    }
  });
}

bool attends_bf16_rows(const Compute& compute, const ModelConfig& config, const LayerWeights& layer, const LayerPlan& plan, Precision precision) noexcept {
  const auto whole = [](std::size_t size) { return size * sizeof(std::uint16_t) % kernels::kLowRowBytes == 0; };
  const bool whole_rows = whole(config.query_size()) && whole(config.key_size());
  return in_bf16(compute, config, precision) && whole_rows && plan.rotary == kNoRotary && !layer.query_norm.present() && !layer.key_norm.present();
}

std::size_t attention_scratch(const Compute& compute, const ModelConfig& config, Precision precision, std::size_t longest) noexcept {
  const DisentangledSpec& positions = config.disentangled;
  const std::size_t products = static_cast<std::size_t>(positions.content_to_position) + static_cast<std::size_t>(positions.position_to_content);
  return kernel_scratch(compute, config, precision, longest) + products * longest * whole_lines(2 * positions.span);
}

}  // namespace berth::engine
