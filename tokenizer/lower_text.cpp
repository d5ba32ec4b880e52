#include "tokenizer/lower_text.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>

#include "base/utf8.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

constexpr char32_t kCapitalSigma = 0x3A3, kSmallSigma = 0x3C3, kFinalSigma = 0x3C2;

// Unicode's Case_Ignorable: marks, modifiers and the punctuation that may stand inside a word.
bool is_case_ignorable(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return true;
    default: break;
  }
  constexpr char32_t kInsideWords[] = {0x27,   0x2E,   0x3A,   0xB7,   0x387,  0x55F,  0x5F4,  0x2018, 0x2019,
                                       0x2024, 0x2027, 0xFE13, 0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
  return std::binary_search(std::begin(kInsideWords), std::end(kInsideWords), c);
}

// Unicode's Cased: letters with a case, and the symbols made of such letters.
bool is_cased(char32_t c) {
  const auto point = static_cast<utf8proc_int32_t>(c);
  switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT: return true;
    default: break;
  }
  if (utf8proc_toupper(point) != point || utf8proc_tolower(point) != point) return true;
  return c == 0xAA || c == 0xBA || (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

bool starts_with_cased(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const base::CodePoint c = base::decode_utf8(text, at);
    if (!is_case_ignorable(c.value)) return is_cased(c.value);
    at += c.length;
  }
  return false;
}

}  // namespace

std::string lower_text(std::string_view text) {
  const CharTable& chars = CharTable::instance();
  std::string out;
  out.reserve(text.size());
  bool after_cased = false;  // the last character that is not ignorable is cased
  for (std::size_t at = 0; at < text.size();) {
    const base::CodePoint c = base::decode_utf8(text, at);
    const std::size_t next = at + c.length;
    if (c.value == kCapitalSigma) {
      base::append_utf8(out, after_cased && !starts_with_cased(text.substr(next)) ? kFinalSigma : kSmallSigma);
    } else if (chars.has(c.value, kLowercases)) {
      for (const char32_t lower : lower_case(c.value)) base::append_utf8(out, lower);
    } else {
      out.append(text.substr(at, c.length));
    }
    if (!is_case_ignorable(c.value)) after_cased = is_cased(c.value);
    at = next;
  }
  return out;
}

}  // namespace berth::tokenizer
