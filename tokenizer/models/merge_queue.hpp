// The merges that a long word has open: a queue by rank, then by place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace berth::tokenizer {

// Places of one rank nearly always arrive in ascending order (ranks come up again and again, words have one direction), so a rank keeps a sorted run
// and a heap of what came out of order: a heap over everything would miss the cache at every step.
class MergeQueue {
 public:
  struct Entry {
    std::uint32_t rank;
    std::uint32_t place;
  };

  // Empties the queue; ranks are below `ranks`.
  void reset(std::size_t ranks);
  void push(Entry entry);
  // The smallest rank, of those the smallest place; false when the queue is empty.
  bool pop(Entry& entry);
  std::size_t bytes() const;

 private:
  struct Bucket {
    std::uint32_t rank;
    std::size_t head;                 // of the run
    std::vector<std::uint32_t> run;   // ascending
    std::vector<std::uint32_t> late;  // a heap, smallest first
    bool empty() const { return head == run.size() && late.empty(); }
  };

  std::vector<std::uint32_t> bucket_of_;  // [rank]: index + 1; 0: none yet
  std::vector<Bucket> buckets_;           // the first used_ of them
  std::size_t used_ = 0;
  std::vector<std::uint32_t> ranks_;  // a heap of the ranks whose bucket is not empty, smallest first
};

}  // namespace berth::tokenizer
