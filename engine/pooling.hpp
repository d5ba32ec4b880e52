// From token vectors to one vector a row: pooling, then the modules of sentence-transformers behind it.
#pragma once

#include <span>
#include <vector>

#include "engine/linear.hpp"
#include "engine/workspace.hpp"
#include "loaders/model_directory.hpp"

namespace berth::engine {

// A sentence-transformers module behind the transformer, bound.
struct SentenceModule {
  loaders::ModuleType type{};
  std::vector<loaders::PoolingMode> pooling;  // type == pooling
  DenseLayer dense;                           // type == dense
  Norm norm = {};                             // type == layer_norm
};

// Values a row has behind `modules`, given the encoder's hidden size.
std::size_t embedding_size(std::span<const SentenceModule> modules, std::size_t hidden_size);

// out [batch rows, modes.size() * size] from what is there for every token, `states` [batch tokens, size]. unpooled: [rows], how many of a row's first tokens take no part, fewer than
// it has (but for the first one, which the cls mode takes whatever that says); empty: none.
void pool(const Compute& compute, std::span<const loaders::PoolingMode> modes, std::size_t size, const RaggedBatch& batch, const float* states, float* out,
          std::span<const std::size_t> unpooled = {}) noexcept;

// x / max(|x|, 1e-12) for each row of x [rows, size].
void normalize_rows(const kernels::KernelTable& kernels, float* x, std::size_t rows, std::size_t size) noexcept;

// The modules behind the pooling, over workspace.pooled [rows, size]. Throws std::bad_alloc when the workspace's vectors have to grow.
void run_dense_modules(const Compute& compute, std::span<const SentenceModule> modules, std::size_t rows, std::size_t size, Workspace& workspace);

}  // namespace berth::engine
