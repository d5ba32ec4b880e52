#include "tokenizer/regex_stand_ins.hpp"

#include <oniguruma.h>

#include <algorithm>

#include "base/utf8.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

constexpr char32_t kFirst = 0x800, kLast = 0x3FFFF;  // shorter ones have been complete for long; nothing is assigned above

class Property {
 public:
  explicit Property(std::string_view name) {
    auto* begin = reinterpret_cast<OnigUChar*>(const_cast<char*>(name.data()));  // read only, whatever its type says
    ctype_ = ONIGENC_PROPERTY_NAME_TO_CTYPE(ONIG_ENCODING_UTF8, begin, begin + name.size());
  }
  bool has(char32_t c) const {
    return ctype_ >= 0 && ONIGENC_IS_CODE_CTYPE(ONIG_ENCODING_UTF8, static_cast<OnigCodePoint>(c), static_cast<unsigned>(ctype_)) != 0;
  }

 private:
  int ctype_;
};

char32_t stand_in(char32_t c, unsigned flags) {
  const bool four = c > 0xFFFF;
  if ((flags & kLetter) != 0) {
    if ((flags & kLowercases) != 0) return four ? 0x10400 : 0x1E00;
    return c >= 0x20000 ? 0x20000 : four ? 0x10000 : 0x0904;
  }
  if ((flags & kNumber) != 0) {
    if ((flags & kWordCharacter) != 0) return four ? 0x104A0 : 0x0966;  // a digit
    return four ? 0x10107 : 0x2460;
  }
  return four ? 0x101FD : 0x0900;  // a mark
}

}  // namespace

StandIns::StandIns() {
  const CharTable& chars = CharTable::instance();
  const Property letter("L"), number("N"), assigned("Assigned");
  for (char32_t c = kFirst; c <= kLast; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    const unsigned flags = chars[c].flags;
    if ((flags & (kLetter | kNumber | kWordCharacter)) == 0) continue;
    const bool mark = (flags & (kLetter | kNumber)) == 0 && (flags & kGraphemeExtend) != 0;
    const bool differs = ((flags & kLetter) != 0 && !letter.has(c)) || ((flags & kNumber) != 0 && !number.has(c)) || (mark && !assigned.has(c));
    if (!differs) continue;
    const char32_t other = stand_in(c, flags);
    if (!ranges_.empty() && ranges_.back().last + 1 == c && ranges_.back().stand_in == other) {
      ranges_.back().last = c;
    } else {
      ranges_.push_back({c, c, other});
    }
  }
}

const StandIns& StandIns::instance() {
  static const StandIns table;
  return table;
}

char32_t StandIns::find(char32_t c) const noexcept {
  const auto it = std::partition_point(ranges_.begin(), ranges_.end(), [c](const Range& range) { return range.last < c; });
  return it != ranges_.end() && it->first <= c ? it->stand_in : 0;
}

bool StandIns::needed(std::string_view text) const noexcept {
  for (std::size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0xE0) {
      ++at;
      continue;
    }
    const base::CodePoint c = base::decode_utf8(text, at);
    if (find(c.value) != 0) return true;
    at += c.length;
  }
  return false;
}

std::string StandIns::replace(std::string_view text) const {
  std::string result(text);
  for (std::size_t at = 0; at < text.size();) {
    const base::CodePoint c = base::decode_utf8(text, at);
    if (const char32_t other = find(c.value)) put_utf8(result.data() + at, other);
    at += c.length;
  }
  return result;
}

}  // namespace berth::tokenizer
