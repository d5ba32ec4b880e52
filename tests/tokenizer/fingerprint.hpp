// Fingerprints of encodings: the same arithmetic as tests/tokenizer/reference/fingerprint.cjs.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "base/utf8.hpp"
#include "tokenizer/tokenizer.hpp"

namespace berth::tokenizer::testing {

class Fingerprint {
 public:
  // Without `sequences` the sequence ids are left out.
  explicit Fingerprint(bool sequences = true) : sequences_(sequences) {}

  void add(std::int64_t value) {
    const auto word = static_cast<std::uint32_t>(value);
    a_ = (a_ ^ word) * 0x9E3779B1u;
    a_ = static_cast<std::uint32_t>(static_cast<std::int32_t>(a_) ^ static_cast<std::int32_t>(a_ >> 15));
    b_ = (b_ ^ word) * 0x85EBCA77u;
    b_ ^= b_ >> 13;
  }
  void add_text(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
      const base::CodePoint c = base::decode_utf8(text, at);
      add(static_cast<std::int64_t>(c.value));
      at += c.length;
    }
    add(-1);
  }
  void add_encoding(const Encoding& encoding) {
    add_flat(encoding);
    add(static_cast<std::int64_t>(encoding.overflow.size()));
    for (const Encoding& window : encoding.overflow) add_flat(window);
  }
  void merge(const Fingerprint& other) {
    add(other.a_);
    add(other.b_);
  }
  char short_form() const { return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[(a_ ^ (a_ >> 11) ^ b_) & 63]; }
  std::string hex() const {
    char text[17];
    std::snprintf(text, sizeof text, "%08x%08x", a_, b_);
    return text;
  }

 private:
  void add_flat(const Encoding& encoding) {
    add(static_cast<std::int64_t>(encoding.ids.size()));
    for (const auto id : encoding.ids) add(id);
    for (const auto type : encoding.type_ids) add(type);
    for (const auto mask : encoding.special_mask) add(mask);
    for (const auto& [begin, end] : encoding.offsets) {
      add(begin);
      add(end);
    }
    for (const auto sequence : encoding.sequence) {
      if (sequences_) add(sequence);
    }
    for (const auto word : encoding.words) add(word);
  }

  bool sequences_;
  std::uint32_t a_ = 0x12345678u;
  std::uint32_t b_ = 0x9ABCDEF0u;
};

// xorshift32, the same in both languages.
class Random {
 public:
  explicit Random(std::uint32_t seed) : state_(seed) {}
  std::uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }
  std::uint32_t below(std::uint32_t limit) { return next() % limit; }

 private:
  std::uint32_t state_;
};

}  // namespace berth::tokenizer::testing
