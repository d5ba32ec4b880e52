// A ragged batch: the tokens of all rows end to end. There is no padding and no mask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace berth::engine {

struct RaggedBatch {
  std::vector<std::int32_t> ids;                      // [tokens]
  std::vector<std::int32_t> type_ids;                 // [tokens]
  std::vector<std::size_t> attended;                  // [rows]: a row's tokens from there on are seen by none of its tokens; empty: all are seen
  std::vector<std::size_t> cumulative_lengths = {0};  // [rows + 1]: row i is tokens [cumulative_lengths[i], cumulative_lengths[i + 1])

  std::size_t rows() const noexcept { return cumulative_lengths.size() - 1; }
  std::size_t tokens() const noexcept { return ids.size(); }
  std::size_t length(std::size_t row) const noexcept { return cumulative_lengths[row + 1] - cumulative_lengths[row]; }
  std::size_t longest() const noexcept {
    std::size_t most = 0;
    for (std::size_t i = 0; i < rows(); ++i) most = length(i) > most ? length(i) : most;
    return most;
  }

  void clear() noexcept {
    ids.clear();
    type_ids.clear();
    attended.clear();
    cumulative_lengths.resize(1);
  }
};

}  // namespace berth::engine
