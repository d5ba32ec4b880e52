#include "engine/pooling.hpp"

#include <algorithm>
#include <cmath>

namespace berth::engine {

namespace {

using loaders::ModuleType;
using loaders::PoolingMode;

// Of the tokens [first, count); sums run over them in order, in FP32.
void pool_row(const kernels::KernelTable& kernels, PoolingMode mode, const float* tokens, std::size_t first, std::size_t count, std::size_t size,
              float* out) noexcept {
  const auto token = [=](std::size_t i) { return tokens + i * size; };
  switch (mode) {
    case PoolingMode::cls: std::copy_n(token(0), size, out); return;
    case PoolingMode::last_token: std::copy_n(token(count - 1), size, out); return;
    case PoolingMode::max:
      std::copy_n(token(first), size, out);
      for (std::size_t i = first + 1; i < count; ++i) kernels.max_into(out, token(i), size);
      return;
    case PoolingMode::mean:
    case PoolingMode::mean_sqrt_len: {
      std::fill_n(out, size, 0.0F);
      for (std::size_t i = first; i < count; ++i) kernels.add_scaled(out, token(i), 1.0F, size);
      const auto n = static_cast<float>(count - first);
      kernels.scale(out, 1.0F / (mode == PoolingMode::mean ? n : std::sqrt(n)), size);
      return;
    }
    case PoolingMode::weighted_mean: {
      std::fill_n(out, size, 0.0F);
      for (std::size_t i = first; i < count; ++i) kernels.add_scaled(out, token(i), static_cast<float>(i + 1), size);
      const auto sum_to = [](std::size_t n) { return static_cast<float>(n) * (static_cast<float>(n) + 1.0F) / 2.0F; };
      kernels.scale(out, 1.0F / (sum_to(count) - sum_to(first)), size);
      return;
    }
  }
}

}  // namespace

void normalize_rows(const kernels::KernelTable& kernels, float* x, std::size_t rows, std::size_t size) noexcept {
  for (std::size_t row = 0; row < rows; ++row, x += size) {
    const float length = std::sqrt(kernels.dot(x, x, size));
    kernels.scale(x, 1.0F / std::max(length, 1e-12F), size);
  }
}

void pool(const Compute& compute, std::span<const PoolingMode> modes, std::size_t size, const RaggedBatch& batch, const float* states, float* out,
          std::span<const std::size_t> unpooled) noexcept {
  const std::size_t cost = (batch.tokens() / batch.rows() + 1) * size * modes.size();
  for_row_blocks(compute.pool, batch.rows(), cost, [&](std::size_t first, std::size_t count, std::size_t) noexcept {
    for (std::size_t row = first; row < first + count; ++row)
      for (std::size_t m = 0; m < modes.size(); ++m)
        pool_row(compute.kernels, modes[m], states + batch.cumulative_lengths[row] * size, unpooled.empty() ? 0 : unpooled[row], batch.length(row), size,
                 out + (row * modes.size() + m) * size);
  });
}

std::size_t embedding_size(std::span<const SentenceModule> modules, std::size_t hidden_size) {
  std::size_t size = modules.empty() ? 0 : hidden_size;
  for (const SentenceModule& module : modules) {
    if (module.type == ModuleType::pooling) size *= module.pooling.size();
    if (module.type == ModuleType::dense) size = module.dense.linear.out;
  }
  return size;
}

void run_dense_modules(const Compute& compute, std::span<const SentenceModule> modules, std::size_t rows, std::size_t size, Workspace& workspace) {
  for (const SentenceModule& module : modules) {
    if (module.type == ModuleType::dense) {
      const Linear& linear = module.dense.linear;
      workspace.pooled2.resize(rows * linear.out);
      run_linear(compute, linear, {.x = workspace.pooled.data(), .y = workspace.pooled2.data(), .rows = rows, .activation = module.dense.activation});
      workspace.pooled.swap(workspace.pooled2);
      size = linear.out;
    } else if (module.type == ModuleType::layer_norm) {
      constexpr float kEpsilon = 1e-5F;  // torch's, which the module leaves as it is
      run_norm(compute, module.norm, kEpsilon, workspace.pooled.data(), workspace.pooled.data(), rows, size, nullptr, {});
    } else if (module.type == ModuleType::normalize) {
      normalize_rows(compute.kernels, workspace.pooled.data(), rows, size);
    }
  }
}

}  // namespace berth::engine
