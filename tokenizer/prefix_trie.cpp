#include "tokenizer/prefix_trie.hpp"

#include <algorithm>
#include <string>

#include "base/error.hpp"

namespace berth::tokenizer {
namespace {

constexpr std::uint32_t kBlock = 256;
constexpr std::uint32_t kOpenBlocks = 16;  // only the free units of the last few blocks are tried: construction stays linear

// Eight bytes from `begin` on as a number that sorts as they do.
std::uint64_t sort_key(std::string_view text, std::size_t begin) {
  std::uint64_t key = 0;
  for (std::size_t i = begin; i < begin + 8; ++i) key = key << 8 | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0);
  return key;
}

// Sorts by text, leaves of equal texts the last one only and no empty text. The texts are copied into `arena` in that order, since the builder reads them so.
void sort_keys(std::vector<PrefixTrie::Key>& keys, std::string& arena) {
  struct Entry {
    std::uint64_t head, next;  // 16 bytes: most pairs of texts differ in them
    std::uint32_t index;
  };
  std::vector<Entry> order;
  order.reserve(keys.size());
  std::size_t bytes = 0;
  for (std::uint32_t i = 0; i < keys.size(); ++i) {
    if (keys[i].text.empty()) continue;
    order.push_back({sort_key(keys[i].text, 0), sort_key(keys[i].text, 8), i});
    bytes += keys[i].text.size();
  }
  std::sort(order.begin(), order.end(), [&](const Entry& a, const Entry& b) {
    if (a.head != b.head) return a.head < b.head;
    if (a.next != b.next) return a.next < b.next;
    const int compared = keys[a.index].text.compare(keys[b.index].text);
    return compared != 0 ? compared < 0 : a.index < b.index;
  });
  arena.reserve(bytes);  // the views below stay good
  std::vector<PrefixTrie::Key> sorted;
  sorted.reserve(order.size());
  for (const Entry& entry : order) {
    const PrefixTrie::Key& key = keys[entry.index];
    if (!sorted.empty() && sorted.back().text == key.text) {
      sorted.back().value = key.value;
      continue;
    }
    const std::size_t begin = arena.size();
    arena.append(key.text);
    sorted.push_back({std::string_view(arena).substr(begin), key.value});
  }
  keys = std::move(sorted);
}

}  // namespace

class PrefixTrie::Builder {
 public:
  Builder(PrefixTrie& trie, const std::vector<Key>& keys, const std::string& label) : trie_(trie), keys_(keys), label_(label) {}

  void run() {
    if (keys_.empty()) {
      add_block();  // the root has no children, but look-ups read its block
      trie_.root_ = 0;
    } else {
      std::vector<Node> stack = {{kRoot, 0, static_cast<std::uint32_t>(keys_.size()), 0}};
      while (!stack.empty()) {
        const Node node = stack.back();
        stack.pop_back();
        place_children(node, stack);
      }
    }
    trie_.units_.shrink_to_fit();
  }

 private:
  static constexpr std::uint32_t kRoot = 0xFFFFFFFF;

  // The node that all of keys [begin, end) go through after `depth` bytes.
  struct Node {
    std::uint32_t unit;
    std::uint32_t begin;
    std::uint32_t end;
    std::uint32_t depth;
  };

  void place_children(const Node& node, std::vector<Node>& stack) {
    std::uint32_t begin = node.begin;
    if (keys_[begin].text.size() == node.depth) trie_.units_[node.unit].value = keys_[begin++].value;
    if (begin == node.end) return;
    labels_.clear();
    starts_.clear();
    for (std::uint32_t i = begin; i < node.end; ++i) {
      const auto label = static_cast<unsigned char>(keys_[i].text[node.depth]);
      if (!labels_.empty() && labels_.back() == label) continue;
      labels_.push_back(label);
      starts_.push_back(i);
    }
    starts_.push_back(node.end);
    const std::uint32_t base = find_base();
    used_bases_[base] = 1;
    if (node.unit == kRoot) {
      trie_.root_ = base;
    } else {
      trie_.units_[node.unit].link |= base << 8;
    }
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      const std::uint32_t unit = base ^ labels_[i];
      take(unit);
      trie_.units_[unit] = {labels_[i], kNone};
      stack.push_back({unit, starts_[i], starts_[i + 1], node.depth + 1});
    }
    trie_.nodes_ += labels_.size();
  }

  std::uint32_t find_base() {
    for (std::uint32_t unit = first_free_; unit != kRoot; unit = next_[unit]) {
      const std::uint32_t base = unit ^ labels_.front();
      if (fits(base)) return base;
    }
    const std::uint32_t block = static_cast<std::uint32_t>(trie_.units_.size());
    add_block();
    return block | 2;  // every unit of the block is free
  }

  bool fits(std::uint32_t base) const {
    if ((base & 0xFF) < 2 || used_bases_[base] != 0) return false;
    return std::all_of(labels_.begin(), labels_.end(), [&](unsigned char label) { return free_[base ^ label] != 0; });
  }

  void add_block() {
    const auto begin = static_cast<std::uint32_t>(trie_.units_.size());
    if (begin + kBlock > kMaxNodes + kBlock) {
      throw base::Error(base::ErrorCode::unsupported, label_ + ": the vocabulary's texts need more than " + std::to_string(kMaxNodes) + " trie nodes");
    }
    trie_.units_.resize(begin + kBlock);
    next_.resize(begin + kBlock);
    previous_.resize(begin + kBlock);
    free_.resize(begin + kBlock, 1);
    used_bases_.resize(begin + kBlock, 0);
    for (std::uint32_t unit = begin; unit < begin + kBlock; ++unit) {
      trie_.units_[unit] = {(unit & 0xFF) ^ 1, kNone};
      previous_[unit] = last_free_;
      next_[unit] = kRoot;
      (last_free_ == kRoot ? first_free_ : next_[last_free_]) = unit;
      last_free_ = unit;
    }
    if (begin >= kOpenBlocks * kBlock) close_block(begin - kOpenBlocks * kBlock);
  }

  void close_block(std::uint32_t begin) {
    for (std::uint32_t unit = begin; unit < begin + kBlock; ++unit) {
      if (free_[unit] != 0) unlink(unit);
    }
  }

  void take(std::uint32_t unit) {
    free_[unit] = 0;
    unlink(unit);
  }

  void unlink(std::uint32_t unit) {
    (previous_[unit] == kRoot ? first_free_ : next_[previous_[unit]]) = next_[unit];
    (next_[unit] == kRoot ? last_free_ : previous_[next_[unit]]) = previous_[unit];
  }

  PrefixTrie& trie_;
  const std::vector<Key>& keys_;
  const std::string& label_;
  std::vector<unsigned char> labels_;
  std::vector<std::uint32_t> starts_;
  std::vector<std::uint32_t> next_, previous_;  // the list of free units in open blocks
  std::uint32_t first_free_ = kRoot, last_free_ = kRoot;
  std::vector<std::uint8_t> free_, used_bases_;  // [unit]: whether
};

PrefixTrie::PrefixTrie(std::vector<Key> keys, const std::string& label) {
  std::string arena;
  sort_keys(keys, arena);
  Builder(*this, keys, label).run();
}

std::int32_t PrefixTrie::find(std::string_view text) const noexcept {
  std::int32_t found = kNone;
  each_prefix(text, [&](std::size_t length, std::int32_t value) {
    if (length == text.size()) found = value;
  });
  return found;
}

}  // namespace berth::tokenizer
