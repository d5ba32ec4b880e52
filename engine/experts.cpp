#include "engine/experts.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/attention.hpp"
#include "engine/linear.hpp"
#include "engine/workspace.hpp"

namespace berth::engine {

namespace {

// The threads of a team may be a layer apart (base/team.hpp). So nothing is read from the routing but inside a parallel region, and there are as many regions,
// of as many parts, whatever the router says.
class ExpertsRun {
 public:
  ExpertsRun(const Compute& compute, const ModelConfig& config, const ExpertWeights& weights, const ExpertArgs& args, Workspace& workspace)
      : compute_(compute),
        config_(config),
        weights_(weights),
        args_(args),
        workspace_(workspace),
        routing_(workspace.routing),
        top_k_(config.experts.top_k),
        hidden_(config.hidden_size),
        precision_(weights.intermediates.front().precision) {}

  void run() noexcept {
    run_linear(compute_, weights_.router, {.x = args_.x, .y = routing_.logits.data(), .rows = args_.rows});
    for_row_blocks(compute_.pool, args_.rows, 16 * config_.experts.count, [&](std::size_t first, std::size_t count, std::size_t) noexcept {
      for (std::size_t token = first; token < first + count; ++token) pick(token);
    });
    compute_.pool.parallel_for(1, [&](std::size_t, std::size_t) noexcept { place_rows(); });
    for_row_blocks(compute_.pool, routed_rows(), hidden_, [&](std::size_t first, std::size_t count, std::size_t) noexcept { gather(first, count); });
    multiply();
    for_row_blocks(compute_.pool, args_.rows, (top_k_ + 2) * hidden_, [&](std::size_t first, std::size_t count, std::size_t) noexcept {
      for (std::size_t token = first; token < first + count; ++token) add_up(token);
    });
  }

 private:
  std::size_t routed_rows() const noexcept { return args_.rows * top_k_; }

  // The experts with the largest logits, the largest first; of equal ones the first. Not a number is never larger.
  void pick(std::size_t token) noexcept {
    const std::size_t count = config_.experts.count;
    float* logits = routing_.logits.data() + token * count;
    std::uint32_t* picked = routing_.experts.data() + token * top_k_;
    for (std::size_t rank = 0; rank < top_k_; ++rank) {
      std::size_t best = count;
      for (std::size_t i = 0; i < count; ++i) {
        if (std::find(picked, picked + rank, i) != picked + rank) continue;
        if (best == count || logits[i] > logits[best]) best = i;
      }
      picked[rank] = static_cast<std::uint32_t>(best);
    }
    compute_.kernels.softmax(logits, 1, count);
    for (std::size_t rank = 0; rank < top_k_; ++rank) routing_.shares[token * top_k_ + rank] = logits[picked[rank]];
  }

  // Sorts the rows by experts.
  void place_rows() noexcept {
    std::size_t* ends = routing_.ends.data();
    std::fill_n(ends, config_.experts.count, std::size_t{0});
    for (std::size_t i = 0; i < routed_rows(); ++i) ++ends[routing_.experts[i]];
    std::size_t begin = 0;
    for (std::size_t i = 0; i < config_.experts.count; ++i) begin += std::exchange(ends[i], begin);
    for (std::size_t i = 0; i < routed_rows(); ++i) {  // an end is where the expert's next row goes, until all are there
      const std::size_t row = ends[routing_.experts[i]]++;
      routing_.places[i] = static_cast<std::uint32_t>(row);
      routing_.tokens[row] = static_cast<std::uint32_t>(i / top_k_);
    }
  }

  // Rows [first, first + count) of what the experts read. Each lowers for itself: its weights may have factors of their own for the inputs.
  void gather(std::size_t first, std::size_t count) noexcept {
    std::size_t expert = 0;
    for (std::size_t row = first; row < first + count; ++row) {
      while (routing_.ends[expert] <= row) ++expert;
      const float* from = args_.x + routing_.tokens[row] * hidden_;
      if (precision_ == Precision::fp32) {
        std::memcpy(workspace_.routed() + row * hidden_, from, hidden_ * sizeof(float));
      } else {
        lower_block(compute_, weights_.intermediates[expert], from, hidden_, row, 1, workspace_.low());
      }
    }
  }

  // All experts' products; their results are in routed().
  void multiply() noexcept {
    const std::vector<std::size_t>& ends = routing_.ends;
    const std::vector<Linear>& outputs = weights_.outputs;
    LowRows low = workspace_.low();
    LinearArgs first{.x = workspace_.routed(), .low = low, .rows = routed_rows(), .activation = config_.activation, .next = &outputs.front()};
    LinearArgs second{.y = workspace_.routed(), .rows = routed_rows()};
    if (keeps_bf16_inner(compute_, config_, precision_)) {
      first.y_bf16 = workspace_.inner_bf16();
      run_linears(compute_, weights_.intermediates, ends, first);
      second.low = lower_bf16_rows(compute_, outputs.front(), first.y_bf16, routed_rows(), low);  // no expert's output has input factors
    } else {
      first.y = workspace_.wide();
      run_linears(compute_, weights_.intermediates, ends, first);
      lower_rows(compute_, outputs.front(), first.y, routed_rows(), low);
      second.x = first.y;
      second.low = low;
    }
    run_linears(compute_, outputs, ends, second);
  }

  void add_up(std::size_t token) noexcept {
    float* y = args_.y + token * hidden_;
    std::memcpy(y, weights_.bias.data(), hidden_ * sizeof(float));
    for (std::size_t i = token * top_k_; i < (token + 1) * top_k_; ++i)
      compute_.kernels.add_scaled(y, workspace_.routed() + routing_.places[i] * hidden_, routing_.shares[i], hidden_);
    if (args_.residual != nullptr) compute_.kernels.add_scaled(y, args_.residual + token * hidden_, 1.0F, hidden_);
  }

  const Compute& compute_;
  const ModelConfig& config_;
  const ExpertWeights& weights_;
  const ExpertArgs& args_;
  Workspace& workspace_;
  Routing& routing_;
  const std::size_t top_k_;
  const std::size_t hidden_;
  const Precision precision_;
};

}  // namespace

void Routing::reserve(const ExpertsSpec& spec, std::size_t batch_tokens) {
  logits.resize(batch_tokens * spec.count);
  for (std::vector<std::uint32_t>* each : {&experts, &places, &tokens}) each->resize(batch_tokens * spec.top_k);
  shares.resize(batch_tokens * spec.top_k);
  ends.resize(spec.count);
}

std::size_t Routing::bytes() const noexcept {
  return (logits.size() + shares.size()) * sizeof(float) + (experts.size() + places.size() + tokens.size()) * sizeof(std::uint32_t);
}

void run_experts(const Compute& compute, const ModelConfig& config, const ExpertWeights& experts, const ExpertArgs& args, Workspace& workspace) noexcept {
  ExpertsRun(compute, config, experts, args, workspace).run();
}

}  // namespace berth::engine
