#include "tokenizer/vocabulary.hpp"

#include <algorithm>
#include <bit>

namespace berth::tokenizer {

void VocabularyEntries::add(std::string_view text, std::int32_t id) {
  entries.push_back({static_cast<std::uint32_t>(arena.size()), static_cast<std::uint32_t>(text.size()), id});
  arena.append(text);
}

void VocabularyEntries::add(std::string_view text, double score) {
  add(text, static_cast<std::int32_t>(entries.size()));
  scores.push_back(score);
}

void VocabularyEntries::shrink() {
  arena.shrink_to_fit();
  entries.shrink_to_fit();
  scores.shrink_to_fit();
}

void MergeList::add(std::string_view left, std::string_view right) {
  merges.push_back({static_cast<std::uint32_t>(arena.size()), static_cast<std::uint32_t>(left.size()), static_cast<std::uint32_t>(right.size())});
  arena.append(left).append(right);
}

StringTable::StringTable(std::size_t expected) : slots_(std::bit_ceil(expected * 2 + 16)), mask_(slots_.size() - 1) { entries_.reserve(expected); }

bool StringTable::insert(std::string_view text, std::int32_t value) {
  if ((entries_.size() + 1) * 2 > slots_.size()) grow();
  const std::uint32_t hash = PrefixHash::of(text);
  for (std::size_t i = hash & mask_;; i = (i + 1) & mask_) {
    if (slots_[i].entry == 0) {
      entries_.push_back({text.data(), static_cast<std::uint32_t>(text.size()), value});
      slots_[i] = {hash, static_cast<std::uint32_t>(entries_.size())};
      return true;
    }
    Entry& entry = entries_[slots_[i].entry - 1];
    if (slots_[i].hash == hash && std::string_view(entry.data, entry.length) == text) {
      entry.value = value;
      return false;
    }
  }
}

void StringTable::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  mask_ = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.entry == 0) continue;
    std::size_t i = slot.hash & mask_;
    while (slots_[i].entry != 0) i = (i + 1) & mask_;
    slots_[i] = slot;
  }
}

namespace {

PrefixTrie make_trie(const VocabularyEntries& entries, const std::string& label) {
  std::vector<PrefixTrie::Key> keys;
  if (entries.is_array) {
    keys.reserve(entries.entries.size());
    for (const auto& entry : entries.entries) keys.push_back({entries.text(entry), entry.id});
  }
  return PrefixTrie(std::move(keys), label);
}

}  // namespace

Vocabulary::Vocabulary(VocabularyEntries entries, const std::string& label)
    : entries_(std::move(entries)), table_(entries_.is_array ? 0 : entries_.entries.size()), trie_(make_trie(entries_, label)) {
  if (entries_.is_array) {
    max_id_ = static_cast<std::int32_t>(entries_.entries.size()) - 1;
    return;
  }
  bool repeated = false;
  for (const auto& entry : entries_.entries) repeated = !table_.insert(entries_.text(entry), entry.id) || repeated;
  const auto id_of = [this](std::uint32_t i) { return entries_.entries[i].id; };
  by_id_.reserve(entries_.entries.size());
  for (std::uint32_t i = 0; i < entries_.entries.size(); ++i) {
    const auto& entry = entries_.entries[i];
    if (repeated && table_.find(entries_.text(entry)) != entry.id) continue;  // a later entry gave this text another id
    by_id_.push_back(i);
    max_id_ = std::max(max_id_, entry.id);
  }
  const auto before = [&](std::uint32_t a, std::uint32_t b) { return id_of(a) < id_of(b); };
  if (!std::is_sorted(by_id_.begin(), by_id_.end(), before)) std::stable_sort(by_id_.begin(), by_id_.end(), before);
  // Of two texts with one id the later one speaks for the id.
  std::size_t kept = 0;
  for (const std::uint32_t i : by_id_) {
    if (kept > 0 && id_of(by_id_[kept - 1]) == id_of(i)) --kept;
    by_id_[kept++] = i;
  }
  distinct_ids_ = kept == by_id_.size();
  by_id_.resize(kept);
}

std::optional<std::int32_t> Vocabulary::id(std::string_view text) const {
  const std::int32_t found = entries_.is_array ? trie_.find(text) : table_.find(text);
  if (found < 0) return std::nullopt;
  return found;
}

std::string_view Vocabulary::text(std::int32_t id) const {
  if (entries_.is_array) return id >= 0 && id <= max_id_ ? entries_.text(entries_.entries[static_cast<std::size_t>(id)]) : std::string_view();
  const auto it = std::lower_bound(by_id_.begin(), by_id_.end(), id, [this](std::uint32_t i, std::int32_t value) { return entries_.entries[i].id < value; });
  if (it == by_id_.end() || entries_.entries[*it].id != id) return {};
  return entries_.text(entries_.entries[*it]);
}

}  // namespace berth::tokenizer
