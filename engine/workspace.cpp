#include "engine/workspace.hpp"

#include <algorithm>
#include <utility>

#include "base/memory.hpp"
#include "engine/attention.hpp"

namespace berth::engine {

namespace {
constexpr std::size_t kLine = base::AlignedBuffer<float>::kAlignment / sizeof(float);
std::size_t whole_lines(std::size_t floats) { return (floats + kLine - 1) / kLine * kLine; }
}  // namespace

WorkspacePlan plan_workspace(const ModelConfig& config, Precision precision, const Compute& compute, std::size_t tokens, std::size_t longest) {
  WorkspacePlan plan;
  const std::size_t inner = config.body.gate == Gate::none ? config.intermediate_size : 2 * config.intermediate_size;
  const std::size_t widest = std::max({config.hidden_size, config.query_size(), config.intermediate_size});  // input of a product
  const std::size_t routed = config.experts.count > 0 ? tokens * config.experts.top_k : 0;
  const bool keeps_inner = keeps_bf16_inner(compute, config, precision);
  plan.hidden = whole_lines(tokens * config.hidden_size);
  plan.wide = whole_lines(tokens * std::max({config.query_key_value_size(), inner, config.embedding_size, config.convolution.width * config.hidden_size}));
  plan.mixed = whole_lines(tokens * std::max(config.hidden_size, config.query_size()));
  plan.summed = plan.hidden;
  plan.threads = static_cast<std::size_t>(compute.pool.threads());
  plan.convolved = config.convolution.width == 0 ? 0 : plan.hidden;
  plan.memory = config.decoder.layers == 0 ? 0 : plan.hidden;
  plan.attention = whole_lines(attention_scratch(compute, config, precision, longest));
  if (precision == Precision::fp32 && compute.low.gemm_f32 != nullptr) plan.tiles = whole_lines(compute.low.gemm_f32_scratch(tokens, widest));
  if (precision != Precision::fp32) {
    const std::size_t rows = (tokens + kernels::kLowRows - 1) / kernels::kLowRows * kernels::kLowRows;
    plan.low_row_bytes = low_row_bytes(precision, widest);
    std::size_t of_slices = 0;
    if (tokens >= plan.threads * kLeastSliceRows)
      of_slices = plan.threads * ThreadShares::largest_piece(tokens, plan.threads, slice_unit(tokens, plan.threads), kSliceRows);
    const std::size_t scratch_rows = std::max(rows, of_slices);
    // An expert's rows may begin anywhere, and are read in whole tiles from there.
    const std::size_t product_rows = std::max(scratch_rows, routed == 0 ? 0 : routed + kernels::kLowRows);
    plan.low = whole_lines(product_rows * plan.low_row_bytes / sizeof(float));
    plan.scales = whole_lines(product_rows);
    plan.summed = whole_lines(scratch_rows * config.hidden_size);
    // A row of the batch may begin anywhere, and its queries are read in whole tiles from there.
    const auto bf16_floats = [&](std::size_t size) { return whole_lines((rows + kernels::kLowRows) * low_row_bytes(Precision::bf16, size) / sizeof(float)); };
    plan.wide = std::max({plan.wide, bf16_floats(config.query_key_value_size())});
    if (keeps_inner) plan.inner = whole_lines(product_rows * low_row_bytes(Precision::bf16, config.intermediate_size) / sizeof(float));
    plan.mixed = std::max(plan.mixed, bf16_floats(config.query_size()));
  }
  plan.routed = whole_lines(routed * config.hidden_size);
  if (!keeps_inner) plan.wide = std::max(plan.wide, whole_lines(routed * inner));
  return plan;
}

void Workspace::reserve(const WorkspacePlan& plan) {
  if (buffer_.size() < plan.floats()) {
    plan_ = {};
    buffer_ = {};  // the old block goes first: its contents are not needed
    buffer_ = base::AlignedBuffer<float>(plan.floats());
  }
  plan_ = plan;
}

std::size_t Workspace::end_use() noexcept {
  note_use();
  plan_ = {};
  chunks.ends.clear();
  batch.clear();
  pooled.clear();
  pooled2.clear();
  return std::exchange(most_used_, 0);
}

std::size_t Workspace::bytes() const noexcept {
  const auto of = [](const auto& vector) { return vector.capacity() * sizeof(vector[0]); };
  std::size_t bytes = buffer_.size() * sizeof(float) + of(batch.ids) + of(batch.type_ids) + of(batch.cumulative_lengths) + of(pooled) + of(pooled2) +
                      vocabulary.bytes() + routing.bytes();
  for (const auto& part : parts) bytes += part->bytes();
  return bytes;
}

std::size_t Workspace::used_bytes() const noexcept {
  const auto of = [](const auto& vector) { return vector.size() * sizeof(vector[0]); };
  std::size_t bytes = plan_.floats() * sizeof(float) + of(batch.ids) + of(batch.type_ids) + of(batch.cumulative_lengths) + of(pooled) + of(pooled2) +
                      vocabulary.bytes() + routing.bytes();
  if (chunks.empty()) return bytes;
  for (const auto& part : parts) bytes += part->used_bytes();
  return bytes;
}

WorkspacePool::Lease WorkspacePool::borrow() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      auto workspace = std::move(idle_.back().workspace);
      idle_.pop_back();
      return {*this, std::move(workspace)};
    }
    idle_.reserve(idle_.capacity() + 1);  // so that giving back never allocates
  }
  return {*this, std::make_unique<Workspace>()};
}

void WorkspacePool::give_back(std::unique_ptr<Workspace> workspace) noexcept {
  std::unique_ptr<Workspace> left_over = keep(std::move(workspace));
  if (left_over == nullptr) return;
  left_over.reset();  // while nobody waits for the lock
  base::return_free_memory();
}

std::unique_ptr<Workspace> WorkspacePool::keep(std::unique_ptr<Workspace> workspace) noexcept {
  constexpr std::size_t kSmall = std::size_t{1} << 20;  // not worth giving up
  workspace->inputs.clear();
  const std::size_t bytes = workspace->bytes();
  const std::size_t used = workspace->end_use();
  const std::lock_guard lock(mutex_);
  ++calls_;
  recent_bytes_ = std::max(used, recent_bytes_ - recent_bytes_ / kForgetCalls);
  if (bytes > kSmall && bytes / 2 > recent_bytes_) return workspace;
  idle_.push_back({std::move(workspace), calls_});
  if (idle_.size() < 2 || calls_ - idle_.front().since < kIdleCalls) return nullptr;
  std::unique_ptr<Workspace> oldest = std::move(idle_.front().workspace);
  idle_.erase(idle_.begin());
  return oldest;
}

std::size_t WorkspacePool::idle() const {
  const std::lock_guard lock(mutex_);
  return idle_.size();
}

std::size_t WorkspacePool::idle_bytes() const {
  const std::lock_guard lock(mutex_);
  std::size_t bytes = 0;
  for (const Idle& one : idle_) bytes += one.workspace->bytes();
  return bytes;
}

}  // namespace berth::engine
