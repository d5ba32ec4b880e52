// Text on its way through the stages, with a way back to the text the caller gave.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {

using Offset = std::uint32_t;

// Text as a normalizer receives it: a piece of the original, which begins at code point `first`, or (when `origin` is not null) what earlier
// normalizers made of it.
struct TextView {
  std::string_view text;
  const Offset* origin = nullptr;  // [bytes]
  Offset first = 0;
};

// Normalized text: byte i came from the code point origin[i] of the original text, and origin never decreases.
// (Normalizers that insert before any code point was consumed mark it with kInserted: it covers nothing.)
struct NormalizedText {
  static constexpr Offset kInserted = 0x8000'0000u;
  static constexpr std::size_t kMost = std::size_t{1} << 31;  // spans are 32 bits wide; stages that write two bytes for one stay below that, too

  std::string text;
  std::vector<Offset> origin;  // [bytes]
  std::size_t most = kMost;    // bytes it may become

  // `first`: where the piece that this text was made from begins in the original.
  TextView view(Offset first) const { return {text, origin.data(), first}; }
  void clear() {
    text.clear();
    origin.clear();
  }

  // The code points of the original that bytes [begin, end) cover; begin < end.
  std::pair<Offset, Offset> source(std::size_t begin, std::size_t end) const {
    const Offset first = origin[begin];
    const Offset last = origin[end - 1];
    return {first & ~kInserted, (last & kInserted) != 0 ? (last & ~kInserted) : last + 1};
  }
};

// Bytes [begin, end) of a text.
struct Span {
  std::uint32_t begin;
  std::uint32_t end;
};

// Text on its way through the pre-tokenizers: the words are pieces of it, in order, none of them empty. What lies between them is dropped.
struct WordText {
  NormalizedText text;
  std::vector<Span> words;

  // Where a pre-tokenizer builds what will take the place of the above.
  NormalizedText next_text;
  std::vector<Span> next_words;
  std::vector<Span> matches;

  std::string_view word(Span span) const { return std::string_view(text.text).substr(span.begin, span.end - span.begin); }
  void take_next_words() {
    words.swap(next_words);
    next_words.clear();
  }
  void take_next_text() {
    std::swap(text, next_text);
    next_text.clear();
  }
};

// A code point of a rewritten text and how it came about, see Rewriter::put.
struct Change {
  char32_t code_point;
  std::int32_t change;
  std::uint8_t combining_class;
};

// What normalizers need while they work. A caller keeps one and hands it on, so that nothing is allocated in the long run.
struct NormalizerScratch {
  NormalizedText between;       // parts of a Sequence
  NormalizedText raw;           // the original text with its origins
  std::vector<Change> changes;  // a run that is decomposed and composed
  std::vector<Span> matches;
};

// Appends to a NormalizedText without a capacity check per byte: reserve() first, then put() at most that many bytes.
class NormalizedWriter {
 public:
  explicit NormalizedWriter(NormalizedText& out) : out_(out), size_(out.text.size()) {}
  NormalizedWriter(const NormalizedWriter&) = delete;
  NormalizedWriter& operator=(const NormalizedWriter&) = delete;
  ~NormalizedWriter() {
    out_.text.resize(size_);
    out_.origin.resize(size_);
  }

  void reserve(std::size_t bytes) {
    if (out_.text.size() - size_ < bytes) grow(bytes);
  }
  char* text() { return out_.text.data() + size_; }
  Offset* origin() { return out_.origin.data() + size_; }
  void advance(std::size_t bytes) { size_ += bytes; }
  void put(char32_t code_point, Offset origin) {
    reserve(4);
    Offset* origins = this->origin();
    for (std::size_t i = 0; i < 4; ++i) origins[i] = origin;  // all four, whatever the length: no branch
    advance(put_utf8(text(), code_point));
  }

 private:
  void grow(std::size_t bytes);  // base::Error{invalid_argument} beyond NormalizedText::most

  NormalizedText& out_;
  std::size_t size_;
};

}  // namespace berth::tokenizer
