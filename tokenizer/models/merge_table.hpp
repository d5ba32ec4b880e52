// The merges of a BPE model: a pair of ids -> its rank and the id it becomes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tokenizer/vocabulary.hpp"

namespace berth::tokenizer {

class MergeTable {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  // Every text must be in `vocabulary`: both parts, and the first with the second less its first `prefix` bytes. Otherwise base::Error{corrupt_file}
  // naming `label` and the merge. Of equal pairs the last one counts.
  MergeTable(const MergeList& list, const Vocabulary& vocabulary, std::size_t prefix, const std::string& label);

  struct Found {
    std::uint32_t rank = kNone;
    std::int32_t id = -1;
  };
  Found find(std::int32_t left, std::int32_t right) const noexcept {
    const std::uint64_t key = key_of(left, right);
    for (std::size_t i = place_of(key);; i = (i + 1) & mask_) {
      const Slot& slot = slots_[i];
      if (slot.key == key) return {slot.rank, slot.id};
      if (slot.key == kEmpty) return {};
    }
  }
  std::size_t ranks() const noexcept { return ids_.size(); }
  std::int32_t id_of(std::uint32_t rank) const noexcept { return ids_[rank]; }  // what the merge of that rank makes

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};  // no pair: ids are not negative
  struct Slot {
    std::uint64_t key = kEmpty;
    std::uint32_t rank = 0;
    std::int32_t id = 0;
  };
  static std::uint64_t key_of(std::int32_t left, std::int32_t right) noexcept {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
  }
  std::size_t place_of(std::uint64_t key) const noexcept { return (key * 0x9E3779B97F4A7C15ull) >> shift_; }
  void insert(std::uint64_t key, std::uint32_t rank, std::int32_t id);

  std::vector<Slot> slots_;
  std::vector<std::int32_t> ids_;  // [rank]
  std::size_t mask_ = 0;
  unsigned shift_ = 0;
};

}  // namespace berth::tokenizer
