// The memory a call computes in. Its size follows from the batch before anything runs; a workspace that has grown serves any smaller batch
// without allocating, until calls have needed much less for a while.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "base/fork.hpp"
#include "engine/batch.hpp"
#include "engine/experts.hpp"
#include "engine/inputs.hpp"
#include "engine/linear.hpp"
#include "engine/model_config.hpp"
#include "engine/positions.hpp"
#include "engine/thread_shares.hpp"

namespace berth::engine {

// Floats of each part; every part begins on a cache line. Of layers with experts every token has top_k rows in `inner`, `low` and the inner part of `wide`. In low precision what is between two attentions (`summed`, `inner`, `low`, `scales`) is for whole
// tiles, or for a slice of each thread, where those are more.
struct WorkspacePlan {
  std::size_t hidden = 0;  // [tokens, hidden]: the residual stream
  // wide and mixed hold FP32 or BF16, whose rows are readable up to whole tiles.
  std::size_t wide = 0;       // [tokens, max(queries + keys + values, ...)]: queries, keys and values; later the inner activation, before its gate
  std::size_t mixed = 0;      // [tokens, max(queries, hidden)]: what attention gives; a block's input where its norm comes first
  std::size_t summed = 0;     // [tokens, hidden]: a block's output plus residual, before its norm
  std::size_t convolved = 0;  // [tokens, hidden]: the convolution of the embeddings, where there is one
  std::size_t memory = 0;     // [tokens, hidden]: what the encoder gave, where a decoder reads it
  std::size_t routed = 0;     // [tokens * top_k, hidden]: what experts read and give, where there are some
  std::size_t attention = 0;  // per thread: scratch of the longest row's attention
  std::size_t threads = 0;
  std::size_t inner = 0;          // [tokens, intermediate] in BF16, where it is kept so
  std::size_t low_row_bytes = 0;  // of the widest row
  std::size_t low = 0;            // [tokens, padded max(hidden, queries, intermediate)]: a product's input in low precision; rows up to whole tiles
  std::size_t scales = 0;         // [tokens]: of the 8-bit rows
  std::size_t tiles = 0;          // per thread: scratch of FP32 products by tiles

  std::size_t floats() const noexcept {
    return hidden + wide + mixed + summed + convolved + memory + routed + (attention + tiles) * threads + inner + low + scales;
  }
};

// Tokens that a thread takes through all that is between two attentions at a time, about; and what their number is a multiple of: tiles, pairs of them where
// there are enough for all threads.
inline constexpr std::size_t kSliceRows = 128;
inline constexpr std::size_t kLeastSliceRows = 32;  // of each thread: for fewer there are no slices
constexpr std::size_t slice_unit(std::size_t tokens, std::size_t threads) { return (tokens >= threads * kSliceRows ? 2 : 1) * kernels::kLowRows; }

WorkspacePlan plan_workspace(const ModelConfig& config, Precision precision, const Compute& compute, std::size_t tokens, std::size_t longest);

// What is computed with the whole vocabulary, a stretch of it at a time (engine/splade.hpp).
struct VocabularyScratch {
  std::vector<kernels::PackedF32> packed;  // of each thread: the stretch
  std::vector<float> rows;                 // of each thread: its bias, a few rows as they are read, logits of a few tokens
  std::vector<float> folded;               // [rows of a group, vocabulary]

  std::size_t bytes() const noexcept {
    std::size_t bytes = (rows.capacity() + folded.capacity()) * sizeof(float);
    for (const kernels::PackedF32& one : packed) bytes += one.bytes();
    return bytes;
  }
};

// A batch's rows in chunks that are computed apart (engine/chunks.hpp).
struct ChunkedRows {
  std::vector<std::size_t> rows;    // chunk i is rows[ends[i - 1]] to rows[ends[i] - 1]
  std::vector<std::size_t> ends;    // none: the batch is computed as a whole
  std::vector<std::size_t> chunk;   // of each row
  std::vector<std::size_t> tokens;  // of each chunk, as `chunk` numbers them
  std::vector<std::size_t> room;    // of each chunk, so too, in tokens: what is left
  std::vector<std::size_t> order;   // the chunks that `chunk` numbers, as they are to be run
  std::vector<std::size_t> place;   // of each of them in that order: `ends` counts by it
  std::vector<std::size_t> thread_costs;

  std::size_t count() const noexcept { return ends.size(); }
  bool empty() const noexcept { return ends.empty(); }
  std::size_t begin(std::size_t i) const noexcept { return i == 0 ? 0 : ends[i - 1]; }
};

class Workspace {
 public:
  // Room for `plan`; throws std::bad_alloc. Contents are lost.
  void reserve(const WorkspacePlan& plan);

  float* hidden() noexcept { return buffer_.data(); }
  float* wide() noexcept { return hidden() + plan_.hidden; }
  std::uint16_t* wide_bf16() noexcept { return reinterpret_cast<std::uint16_t*>(wide()); }
  std::uint16_t* mixed_bf16() noexcept { return reinterpret_cast<std::uint16_t*>(mixed()); }
  float* mixed() noexcept { return wide() + plan_.wide; }
  float* summed() noexcept { return mixed() + plan_.mixed; }
  float* convolved() noexcept { return summed() + plan_.summed; }
  float* memory() noexcept { return convolved() + plan_.convolved; }
  float* routed() noexcept { return memory() + plan_.memory; }
  float* attention(std::size_t slot) noexcept { return routed() + plan_.routed + slot * plan_.attention; }
  std::uint16_t* inner_bf16() noexcept { return reinterpret_cast<std::uint16_t*>(attention(plan_.threads)); }
  // For rows from `first` on. Its place depends on no row's size, so slices of the batch may hold different activations at a time.
  LowRows low(std::size_t first = 0) noexcept {
    float* begin = attention(plan_.threads) + plan_.inner;
    return {.data = reinterpret_cast<std::byte*>(begin) + first * plan_.low_row_bytes,
            .scales = begin + plan_.low + first,
            .tiles = plan_.tiles == 0 ? nullptr : begin + plan_.low + plan_.scales,
            .tiles_stride = plan_.tiles};
  }

  std::size_t bytes() const noexcept;  // that it holds
  // A call that runs several batches says behind each that it needed what the workspace has in use now.
  void note_use() noexcept { most_used_ = std::max(most_used_, used_bytes()); }
  // The bytes that the call needed at most. Nothing is in use from now on: who gives up before there is a batch needs nothing.
  std::size_t end_use() noexcept;

  InputRows inputs;  // the call's own, as is the batch: kept for their capacity
  RaggedBatch batch;
  PositionTables positions;                       // reserve it for the batch, too
  ThreadShares shares;                            // of its tokens, where threads take slices of it (engine/encoder.cpp)
  Routing routing;                                // reserve it for the batch, too
  ChunkedRows chunks;                             // the batch's rows, by prepare_chunks
  std::vector<std::unique_ptr<Workspace>> parts;  // what they are computed in, one for each thread
  std::vector<float> pooled;                      // [rows, ...]: between pooling, dense modules and heads
  std::vector<float> pooled2;
  VocabularyScratch vocabulary;

 private:
  std::size_t used_bytes() const noexcept;

  WorkspacePlan plan_;
  base::AlignedBuffer<float> buffer_;
  std::size_t most_used_ = 0;  // bytes, since the last end_use()
};

// Workspaces that calls borrow and give back: as many as ran at once lately, each at most some times as large as calls lately needed. What a burst left
// behind goes over the calls after it. Thread-safe.
class WorkspacePool {
 public:
  // A workspace that no call has borrowed for so many calls goes.
  static constexpr std::size_t kIdleCalls = 256;
  // So many calls halve the size that a large one was remembered by (roughly); a workspace more than twice that large goes.
  static constexpr std::size_t kForgetCalls = 64;

  class Lease {
   public:
    Lease(WorkspacePool& pool, std::unique_ptr<Workspace> workspace) : pool_(&pool), workspace_(std::move(workspace)) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (workspace_ != nullptr) pool_->give_back(std::move(workspace_));
    }
    Workspace& operator*() const noexcept { return *workspace_; }
    Workspace* operator->() const noexcept { return workspace_.get(); }

   private:
    WorkspacePool* pool_;
    std::unique_ptr<Workspace> workspace_;
  };

  Lease borrow();

  std::size_t idle() const;        // workspaces that nobody has borrowed
  std::size_t idle_bytes() const;  // that they hold

 private:
  struct Idle {
    std::unique_ptr<Workspace> workspace;
    std::uint64_t since;  // calls_ when it was given back
  };

  void give_back(std::unique_ptr<Workspace> workspace) noexcept;
  std::unique_ptr<Workspace> keep(std::unique_ptr<Workspace> workspace) noexcept;  // what is to go, if any

  mutable base::ForkMutex mutex_;
  std::vector<Idle> idle_;  // the one given back last is lent first
  std::uint64_t calls_ = 0;
  std::size_t recent_bytes_ = 0;  // that calls lately used at most, forgotten slowly
};

}  // namespace berth::engine
