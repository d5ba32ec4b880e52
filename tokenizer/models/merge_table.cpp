#include "tokenizer/models/merge_table.hpp"

#include <bit>

#include "base/error.hpp"

namespace berth::tokenizer {

MergeTable::MergeTable(const MergeList& list, const Vocabulary& vocabulary, std::size_t prefix, const std::string& label) {
  slots_.resize(std::bit_ceil(list.merges.size() + list.merges.size() / 2 + 16));
  tags_.resize(slots_.size());
  mask_ = slots_.size() - 1;
  shift_ = 64 - static_cast<unsigned>(std::countr_zero(slots_.size()));
  ids_.reserve(list.merges.size());
  std::string shortened;
  for (std::uint32_t rank = 0; rank < list.merges.size(); ++rank) {
    const MergeList::Merge& merge = list.merges[rank];
    const auto fail = [&](const std::string& problem) {
      throw base::Error(base::ErrorCode::corrupt_file, label + ": merge " + std::to_string(rank) + " (" + base::quoted(list.left(merge), 40) + " and " +
                                                           base::quoted(list.right(merge), 40) + "): " + problem);
    };
    const auto id_of = [&](std::string_view text) {
      const auto id = vocabulary.id(text);
      if (!id) fail(base::quoted(text, 60) + " is not in the vocabulary");
      return *id;
    };
    const std::int32_t left = id_of(list.left(merge));
    const std::int32_t right = id_of(list.right(merge));
    std::string_view merged = list.both(merge);
    if (prefix > 0) {
      if (merge.right < prefix) fail("the second part is shorter than continuing_subword_prefix");
      shortened.assign(list.left(merge)).append(list.right(merge).substr(prefix));
      merged = shortened;
    }
    ids_.push_back(id_of(merged));
    insert(key_of(left, right), rank, ids_.back());
  }
}

void MergeTable::insert(std::uint64_t key, std::uint32_t rank, std::int32_t id) {
  const std::uint64_t hash = hash_of(key);
  std::size_t i = place_of(hash);
  while (tags_[i] != 0 && slots_[i].key != key) i = (i + 1) & mask_;
  tags_[i] = tag_of(hash);
  slots_[i] = {key, rank, id};
}

}  // namespace berth::tokenizer
