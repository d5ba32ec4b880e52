// The feed-forward block of layers with experts: a router picks some of them for each token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/compute.hpp"
#include "engine/model_config.hpp"
#include "engine/weights.hpp"

namespace berth::engine {

class Workspace;

// Which experts the tokens go through, and where their rows lie meanwhile: every token has top_k of them, and the rows of an expert are behind one another in the
// order of their tokens.
struct Routing {
  std::vector<float> logits;           // [tokens, experts]; then their softmax
  std::vector<float> shares;           // [tokens, top_k]: of each of a token's experts, the largest first
  std::vector<std::uint32_t> experts;  // [tokens, top_k]
  std::vector<std::uint32_t> places;   // [tokens, top_k]: the row of this expert and token
  std::vector<std::uint32_t> tokens;   // [tokens * top_k]: of each row
  std::vector<std::size_t> ends;       // [experts]: expert i has the rows [ends[i - 1], ends[i])

  void reserve(const ExpertsSpec& spec, std::size_t batch_tokens);  // throws std::bad_alloc
  std::size_t bytes() const noexcept;
};

struct ExpertArgs {
  const float* x = nullptr;         // [rows, hidden]
  const float* residual = nullptr;  // as many, or null
  float* y = nullptr;               // as many: may not overlap the others
  std::size_t rows = 0;
};

// y = the sum of the experts that the router picks for each row, each times its share, + bias + residual. The router reads the rows as they are, whatever the
// precision of the products; of two experts that are level it takes the first. Computes in the workspace's wide() or inner_bf16(), low() and routed().
void run_experts(const Compute& compute, const ModelConfig& config, const ExpertWeights& experts, const ExpertArgs& args, Workspace& workspace) noexcept;

}  // namespace berth::engine
