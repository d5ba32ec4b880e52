#include "tokenizer/grapheme.hpp"

#include "base/utf8.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

enum class Hangul { none, lead, vowel, tail, syllable_open, syllable_closed };

Hangul hangul(char32_t c) {
  if (c < 0x1100) return Hangul::none;
  if (c <= 0x115F || (c >= 0xA960 && c <= 0xA97C)) return Hangul::lead;
  if (c <= 0x11A7 || (c >= 0xD7B0 && c <= 0xD7C6)) return Hangul::vowel;
  if (c <= 0x11FF || (c >= 0xD7CB && c <= 0xD7FB)) return Hangul::tail;
  if (c >= 0xAC00 && c <= 0xD7A3) return (c - 0xAC00) % 28 == 0 ? Hangul::syllable_open : Hangul::syllable_closed;
  return Hangul::none;
}

bool hangul_joins(Hangul before, Hangul after) {
  switch (before) {
    case Hangul::lead: return after != Hangul::none && after != Hangul::tail;
    case Hangul::vowel:
    case Hangul::syllable_open: return after == Hangul::vowel || after == Hangul::tail;
    case Hangul::tail:
    case Hangul::syllable_closed: return after == Hangul::tail;
    case Hangul::none: return false;
  }
  return false;
}

constexpr char32_t kJoiner = 0x200D;
bool is_regional(char32_t c) { return c >= 0x1F1E6 && c <= 0x1F1FF; }

}  // namespace

std::size_t end_of_cluster(std::string_view text, std::size_t at) noexcept {
  const CharTable& chars = CharTable::instance();
  base::CodePoint before = base::decode_utf8(text, at);
  unsigned flags = chars[before.value].flags;
  bool pictograph = (flags & kPictograph) != 0;  // and nothing but marks since
  bool after_pictograph = false;                 // `before` is a joiner after that
  std::size_t regionals = is_regional(before.value) ? 1 : 0;
  at += before.length;
  while (at < text.size()) {
    const base::CodePoint next = base::decode_utf8(text, at);
    const unsigned next_flags = chars[next.value].flags;
    const bool crlf = before.value == '\r' && next.value == '\n';
    if (!crlf) {
      if (((flags | next_flags) & kGraphemeControl) != 0) break;
      const bool joins = (next_flags & kGraphemeExtend) != 0 || (flags & kGraphemePrepend) != 0 || hangul_joins(hangul(before.value), hangul(next.value)) ||
                         (after_pictograph && (next_flags & kPictograph) != 0) || (regionals % 2 == 1 && is_regional(next.value));
      if (!joins) break;
    }
    after_pictograph = pictograph && next.value == kJoiner;
    pictograph = (next_flags & kPictograph) != 0 || (pictograph && (next_flags & kGraphemeExtend) != 0 && next.value != kJoiner);
    regionals = is_regional(next.value) ? regionals + 1 : 0;
    before = next;
    flags = next_flags;
    at += next.length;
  }
  return at;
}

bool stands_alone(char32_t c) noexcept {
  constexpr unsigned kJoining = kGraphemeControl | kGraphemeExtend | kGraphemePrepend | kPictograph;
  return (CharTable::instance()[c].flags & kJoining) == 0 && hangul(c) == Hangul::none && !is_regional(c) && c != kJoiner;
}

}  // namespace berth::tokenizer
