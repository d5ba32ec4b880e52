// A set of byte strings with values that answers "which keys are prefixes of this text" in one step per byte: a double array.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace berth::tokenizer {

// Immutable after construction; safe to use from many threads. Eight bytes per node.
class PrefixTrie {
 public:
  static constexpr std::int32_t kNone = -1;

  struct Key {
    std::string_view text;  // needed during construction only
    std::int32_t value;     // >= 0
  };
  // Of equal keys the last one counts. The empty key is ignored. Throws base::Error{unsupported} beyond kMaxNodes, and
  // `label` names the file in it.
  PrefixTrie(std::vector<Key> keys, const std::string& label);

  // Calls visit(length, value) for every key that `text` begins with, shortest first.
  template <class Visit>
  void each_prefix(std::string_view text, Visit&& visit) const noexcept {
    const Unit* units = units_.data();
    std::uint32_t base = root_;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      const Unit& child = units[base ^ byte];
      if ((child.link & 0xFF) != byte) return;
      if (child.value >= 0) visit(i + 1, child.value);
      base = child.link >> 8;
    }
  }
  std::int32_t find(std::string_view text) const noexcept;
  std::size_t nodes() const noexcept { return nodes_; }

  static constexpr std::size_t kMaxNodes = (1u << 24) - 256 * 64;

 private:
  // A node's children stand at its base XOR their label, so a base and its children share a block of 256 units. Every node with children has a
  // base of its own: the label alone tells whether a unit belongs to a base. Two low bytes are never given to such a node: 0 is the base of
  // nodes without children, and 1 that of units nobody uses.
  struct Unit {
    std::uint32_t link;  // base << 8 | label
    std::int32_t value;
  };
  class Builder;

  std::vector<Unit> units_;
  std::uint32_t root_ = 0;
  std::size_t nodes_ = 0;
};

}  // namespace berth::tokenizer
