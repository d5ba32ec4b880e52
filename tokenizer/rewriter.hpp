// Rewrites a text the way the reference does, so that every offset comes out the same: see put().
#pragma once

#include <algorithm>
#include <cstring>

#include "base/utf8.hpp"
#include "tokenizer/text.hpp"

namespace berth::tokenizer {

class Rewriter {
 public:
  Rewriter(TextView in, NormalizedText& out) : in_(in), writer_(out), last_(NormalizedText::kInserted | in.first), running_(in.first) {
    writer_.reserve(in.text.size() + 16);
  }

  // The next code point of the result. change <= 0: it replaces the next code point of the source, and the -change ones after that are dropped;
  // it has the origin of the one it replaces, even where it was made from another. change > 0: it is inserted, and has the origin of the source
  // code point before it; at the beginning of the text it covers nothing.
  void put(char32_t code_point, std::int32_t change) {
    Offset origin = last_;
    if (change <= 0) {
      origin = next_origin();
      for (std::int32_t i = change; i <= 0; ++i) drop();
    }
    writer_.reserve(4);
    const char* before = writer_.text();
    writer_.put(code_point, origin);
    inserted_ = change > 0 ? static_cast<std::size_t>(writer_.text() - before) : 0;
  }

  // The next code points of the source as they are, up to byte `end` of it.
  void copy_until(std::size_t end) {
    const std::size_t size = end - at_;
    if (size == 0) return;
    writer_.reserve(size);
    std::memcpy(writer_.text(), in_.text.data() + at_, size);
    Offset* origins = writer_.origin();
    if (in_.origin != nullptr) {
      std::copy_n(in_.origin + at_, size, origins);
    } else {
      for (std::size_t i = 0; i < size; ++i) {
        running_ += is_continuation(in_.text[at_ + i]) ? 0 : 1;
        origins[i] = running_ - 1;
      }
    }
    writer_.advance(size);
    at_ = end;
    last_ = origins[size - 1];
    inserted_ = 0;
  }

  // Leaves out the source's next code points up to byte `end`, without a trace.
  void drop_until(std::size_t end) {
    while (at_ < end) drop();
  }

  // Makes the last code point of the result replace `count` more code points of the source.
  void extend_last_by(std::size_t count) {
    if (inserted_ > 0) {
      std::fill_n(writer_.origin() - inserted_, inserted_, next_origin());
      inserted_ = 0;
    }
    for (; count > 0; --count) drop();
  }

 private:
  static bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }
  Offset next_origin() const {
    if (at_ >= in_.text.size()) return last_;
    return in_.origin != nullptr ? in_.origin[at_] : running_;
  }
  void drop() {
    if (at_ >= in_.text.size()) return;
    last_ = next_origin();
    ++running_;
    ++at_;
    while (at_ < in_.text.size() && is_continuation(in_.text[at_])) ++at_;
  }

  TextView in_;
  NormalizedWriter writer_;
  std::size_t at_ = 0;
  Offset last_;               // origin of the source code point before at_
  std::size_t inserted_ = 0;  // bytes of the last code point when it was inserted
  Offset running_;            // code point of the original at at_, when there are no origins
};

}  // namespace berth::tokenizer
