// Depth first: rows of a batch that go through the whole encoder together, on one thread, before the next ones.
#pragma once

#include <optional>

#include "engine/compute.hpp"
#include "engine/model_config.hpp"
#include "engine/weights.hpp"
#include "engine/workspace.hpp"

namespace berth::engine {

// Gives every row of a batch a chunk, of whole tiles of tokens nearly: 128 tokens or some more, and as many chunks as keep all threads equally long at work,
// each of which takes the next chunk when it is done with one. The longest come first. For 256 tokens or more. Throws std::bad_alloc.
void cut_rows(const RaggedBatch& batch, std::size_t threads, ChunkedRows& chunks);

// Cuts workspace.batch into chunks of rows and reserves a workspace for each thread that will run them, where that is faster than the batch as a whole:
// a chunk's activations stay in a core's second cache through all layers and no layer waits for all threads, but every chunk reads all weights again.
// So the weights must not be too many, the rows many, and no chunk so long that the others are done before it. Returns whether it did. Throws std::bad_alloc.
bool prepare_chunks(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, Workspace& workspace);

// run_encoder for a workspace that prepare_chunks has prepared: fills workspace.hidden(), the same bits as without chunks.
void run_chunks(const Compute& compute, const ModelConfig& config, const ModelWeights& weights, std::optional<std::size_t> layers,
                Workspace& workspace) noexcept;

}  // namespace berth::engine
