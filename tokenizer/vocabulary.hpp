// Token texts and ids: one arena, one open-addressing table; look-ups allocate nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/prefix_trie.hpp"

namespace berth::tokenizer {

inline constexpr std::int32_t kMaxTokenId = 16 * 1024 * 1024;
inline constexpr std::size_t kMaxVocabularySize = 1'000'000;
inline constexpr std::size_t kMaxMerges = 4'000'000;
inline constexpr std::size_t kMaxTokenBytes = 1024;

// A hash that can be carried on byte by byte, so that all prefixes of a word are hashed in one pass.
class PrefixHash {
 public:
  void add(char byte) noexcept {
    state_ = (state_ ^ static_cast<unsigned char>(byte)) * 0x9E3779B97F4A7C15ull;
    state_ ^= state_ >> 29;
  }
  std::uint32_t value() const noexcept { return static_cast<std::uint32_t>(state_ >> 16) ^ static_cast<std::uint32_t>(state_); }
  static std::uint32_t of(std::string_view text) noexcept {
    PrefixHash hash;
    for (const char byte : text) hash.add(byte);
    return hash.value();
  }

 private:
  std::uint64_t state_ = 0x243F6A8885A308D3ull;
};

// Token texts as they are read from a file, in file order.
struct VocabularyEntries {
  struct Entry {
    std::uint32_t begin;
    std::uint32_t length;
    std::int32_t id;
  };
  std::string arena;
  std::vector<Entry> entries;
  std::vector<double> scores;  // [entries] when is_array, else empty
  bool is_array = false;       // model.vocab is a list of [text, score] (Unigram) and not an object

  void add(std::string_view text, std::int32_t id);
  void add(std::string_view text, double score);  // the id is its place in the list
  void shrink();
  std::string_view text(const Entry& entry) const { return std::string_view(arena).substr(entry.begin, entry.length); }
};

// The merges of a BPE model as they are read from a file, in order of rank.
struct MergeList {
  struct Merge {
    std::uint32_t begin;
    std::uint32_t left;   // bytes
    std::uint32_t right;  // bytes
  };
  std::string arena;
  std::vector<Merge> merges;

  void add(std::string_view left, std::string_view right);
  std::string_view left(const Merge& merge) const { return std::string_view(arena).substr(merge.begin, merge.left); }
  std::string_view right(const Merge& merge) const { return std::string_view(arena).substr(merge.begin + merge.left, merge.right); }
  std::string_view both(const Merge& merge) const { return std::string_view(arena).substr(merge.begin, merge.left + merge.right); }
};

// Texts -> values, open addressing with linear probing over 8-byte slots. The texts must outlive the table.
class StringTable {
 public:
  static constexpr std::int32_t kNone = -1;

  explicit StringTable(std::size_t expected = 0);
  // value >= 0. The last value given for a text wins, as in the reference's hash map; false when the text was there before.
  bool insert(std::string_view text, std::int32_t value);

  // `equals` is called with the texts of the table whose hash is `hash`.
  template <class Equals>
  std::int32_t find_if(std::uint32_t hash, Equals&& equals) const noexcept {
    for (std::size_t i = hash & mask_;; i = (i + 1) & mask_) {
      const Slot slot = slots_[i];
      if (slot.entry == 0) return kNone;
      if (slot.hash != hash) continue;
      const Entry& entry = entries_[slot.entry - 1];
      if (equals(std::string_view(entry.data, entry.length))) return entry.value;
    }
  }
  std::int32_t find(std::string_view text, std::uint32_t hash) const noexcept {
    return find_if(hash, [text](std::string_view candidate) { return candidate == text; });
  }
  std::int32_t find(std::string_view text) const noexcept { return find(text, PrefixHash::of(text)); }
  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t entry = 0;  // index + 1; 0 means empty
  };
  struct Entry {
    const char* data;
    std::uint32_t length;
    std::int32_t value;
  };
  void grow();

  std::vector<Slot> slots_;
  std::vector<Entry> entries_;
  std::size_t mask_ = 0;
};

// Immutable: text -> id and id -> text. A list with scores is found through a trie (its model needs one anyway), an object through a hash table.
class Vocabulary {
 public:
  // `label` names the file in the error when a list's texts need too large a trie.
  explicit Vocabulary(VocabularyEntries entries, const std::string& label = "");
  Vocabulary(const Vocabulary&) = delete;
  Vocabulary& operator=(const Vocabulary&) = delete;

  std::optional<std::int32_t> id(std::string_view text) const;
  std::string_view text(std::int32_t id) const;                                                     // "" when there is none
  std::size_t size() const { return entries_.is_array ? entries_.entries.size() : table_.size(); }  // of a list all entries, else distinct texts
  std::int32_t max_id() const { return max_id_; }                                                   // -1 when empty
  const VocabularyEntries& entries() const { return entries_; }
  const StringTable& table() const { return table_; }  // empty for a list
  const PrefixTrie& trie() const { return trie_; }     // empty for an object
  bool distinct_ids() const { return distinct_ids_; }  // no two texts share an id

 private:
  VocabularyEntries entries_;
  StringTable table_;
  PrefixTrie trie_;
  std::vector<std::uint32_t> by_id_;  // entries with distinct ids, sorted by id; empty for a list, whose ids are its places
  std::int32_t max_id_ = -1;
  bool distinct_ids_ = true;
};

}  // namespace berth::tokenizer
