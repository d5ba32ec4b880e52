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
    const std::uint64_t hash = hash_of(key);
    for (std::size_t i = place_of(hash);; i = (i + 1) & mask_) {
      if (tags_[i] == 0) return {};
      if (tags_[i] != tag_of(hash)) continue;
      const Slot& slot = slots_[i];
      if (slot.key == key) return {slot.rank, slot.id};
    }
  }
  std::size_t ranks() const noexcept { return ids_.size(); }
  std::int32_t id_of(std::uint32_t rank) const noexcept { return ids_[rank]; }  // what the merge of that rank makes

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t rank = 0;
    std::int32_t id = 0;
  };
  static std::uint64_t key_of(std::int32_t left, std::int32_t right) noexcept {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
  }
  static std::uint64_t hash_of(std::uint64_t key) noexcept { return key * 0x9E3779B97F4A7C15ull; }
  std::size_t place_of(std::uint64_t hash) const noexcept { return hash >> shift_; }
  static std::uint8_t tag_of(std::uint64_t hash) noexcept { return static_cast<std::uint8_t>(hash >> 24 | 1); }  // bits that the place has not; not 0
  void insert(std::uint64_t key, std::uint32_t rank, std::int32_t id);

  std::vector<Slot> slots_;
  std::vector<std::uint8_t> tags_;  // [slot]: 0: empty. Most pairs are no merge, and these few bytes, which stay in the cache, say so
  std::vector<std::int32_t> ids_;   // [rank]
  std::size_t mask_ = 0;
  unsigned shift_ = 0;
};

}  // namespace berth::tokenizer
