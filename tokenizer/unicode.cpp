#include "tokenizer/unicode.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/utf8.hpp"
#include "tokenizer/unicode_tables.hpp"

namespace berth::tokenizer {
namespace {

constexpr char32_t kMaxCodePoint = 0x10FFFF;

bool is_space(char32_t c, utf8proc_category_t category) {
  switch (category) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return true;
    default: return (c >= 0x09 && c <= 0x0D) || c == 0x85;
  }
}

bool is_control(char32_t c, utf8proc_category_t category) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  switch (category) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO: return true;
    default: return false;
  }
}

bool is_ideograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B820 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_punctuation(char32_t c, utf8proc_category_t category) {
  if (c < 0x80) return (c > 0x20 && c < 0x30) || (c > 0x39 && c < 0x41) || (c > 0x5A && c < 0x61) || (c > 0x7A && c < 0x7F);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool is_word_character(utf8proc_category_t category) {
  switch (category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC: return true;
    default: return false;
  }
}

bool is_letter(utf8proc_category_t category) { return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO; }
bool is_mark(utf8proc_category_t category) { return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME; }
bool is_number(utf8proc_category_t category) { return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO; }

// Bounds of grapheme clusters. (Hangul, flags and emoji sequences are the caller's: they are a matter of ranges.)
unsigned grapheme_flags(unsigned bound_class) {
  switch (bound_class) {
    case UTF8PROC_BOUNDCLASS_EXTEND:
    case UTF8PROC_BOUNDCLASS_ZWJ:
    case UTF8PROC_BOUNDCLASS_E_MODIFIER:
    case UTF8PROC_BOUNDCLASS_SPACINGMARK: return kGraphemeExtend;
    case UTF8PROC_BOUNDCLASS_PREPEND: return kGraphemePrepend;
    case UTF8PROC_BOUNDCLASS_CR:
    case UTF8PROC_BOUNDCLASS_LF:
    case UTF8PROC_BOUNDCLASS_CONTROL: return kGraphemeControl;
    case UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC: return kPictograph;
    default: return 0;
  }
}

CharSequence single(char32_t c) {
  CharSequence result;
  result.chars[0] = c;
  result.size = 1;
  return result;
}

constexpr char32_t kHangulFirst = 0xAC00;
constexpr char32_t kHangulCount = 11172;

// Hangul syllables decompose by arithmetic (The Unicode Standard, 3.12).
CharSequence hangul_decomposition(char32_t c) {
  const char32_t index = c - kHangulFirst;
  CharSequence result;
  result.chars = {0x1100 + index / 588, 0x1161 + index % 588 / 28, 0x11A7 + index % 28};
  result.size = index % 28 == 0 ? 2 : 3;
  return result;
}

CharSequence library_decomposition(char32_t c) {
  if (c >= kHangulFirst && c < kHangulFirst + kHangulCount) return hangul_decomposition(c);
  utf8proc_int32_t buffer[4];
  const utf8proc_ssize_t count =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), buffer, 4, static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE), nullptr);
  if (count <= 0 || count > 4) return single(c);
  CharSequence result;
  result.size = static_cast<std::size_t>(count);
  for (std::size_t i = 0; i < result.size; ++i) result.chars[i] = static_cast<char32_t>(buffer[i]);
  return result;
}

CharSequence library_lower_case(char32_t c) {
  if (c == 0x130) {  // the only lower case of two code points; utf8proc has simple mappings only
    CharSequence result;
    result.chars = {U'i', 0x307};
    result.size = 2;
    return result;
  }
  return single(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
}

std::optional<CharSequence> find_mapping(std::span<const MappingDifference> differences, char32_t c) {
  const auto it =
      std::lower_bound(differences.begin(), differences.end(), c, [](const MappingDifference& mapping, char32_t value) { return mapping.from < value; });
  if (it == differences.end() || it->from != c) return std::nullopt;
  CharSequence result;
  while (result.size < 4 && it->to[result.size] != 0) {
    result.chars[result.size] = it->to[result.size];
    ++result.size;
  }
  return result;
}

CharInfo library_info(char32_t c) {
  const utf8proc_property_t* property = utf8proc_get_property(static_cast<utf8proc_int32_t>(c));
  const auto category = static_cast<utf8proc_category_t>(property->category);
  unsigned flags = 0;
  if (is_space(c, category)) flags |= kSpace;
  if (is_control(c, category)) flags |= kControl;
  if (is_ideograph(c)) flags |= kIdeograph;
  if (is_punctuation(c, category)) flags |= kPunctuation;
  if (category == UTF8PROC_CATEGORY_MN) flags |= kNonspacing;
  if (is_word_character(category)) flags |= kWordCharacter;
  if (is_mark(category)) flags |= kMark;
  if (is_number(category)) flags |= kNumeric | kNumber;
  if (is_letter(category)) flags |= kLetter;
  flags |= grapheme_flags(property->boundclass);
  const CharSequence decomposed = library_decomposition(c);
  if (decomposed.size != 1 || decomposed.chars[0] != c) flags |= kDecomposes;
  const CharSequence lower = library_lower_case(c);
  if (lower.size != 1 || lower.chars[0] != c) flags |= kLowercases;
  return {static_cast<std::uint16_t>(flags), static_cast<std::uint8_t>(property->combining_class)};
}

// Whole planes without a character of their own need no look-up per code point.
bool is_sparse_page(unsigned page) { return (page > 0x323 && page < 0xE00) || (page > 0xE01 && page < 0xF00) || page >= 0xF01; }

}  // namespace

CharSequence canonical_decomposition(char32_t code_point) noexcept {
  if (code_point >= kHangulFirst && code_point < kHangulFirst + kHangulCount) return hangul_decomposition(code_point);
  if (auto mapped = find_mapping(decomposition_differences(), code_point)) return *mapped;
  return library_decomposition(code_point);
}

std::size_t compatibility_decomposition(char32_t code_point, std::array<char32_t, kMaxCompatibility>& out) noexcept {
  const auto ranges = no_compatibility_ranges();
  const auto it = std::partition_point(ranges.begin(), ranges.end(), [code_point](const CodePointRange& range) { return range.last < code_point; });
  const bool hangul = code_point >= kHangulFirst && code_point < kHangulFirst + kHangulCount;
  if (!hangul && (it == ranges.end() || it->first > code_point)) {
    std::array<utf8proc_int32_t, kMaxCompatibility> buffer;
    const auto options = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
    const utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code_point), buffer.data(), kMaxCompatibility, options, nullptr);
    if (count > 0 && count <= static_cast<utf8proc_ssize_t>(kMaxCompatibility)) {
      const auto size = static_cast<std::size_t>(count);
      for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char32_t>(buffer[i]);
      return size;
    }
  }
  const CharSequence canonical = canonical_decomposition(code_point);
  std::copy(canonical.begin(), canonical.end(), out.begin());
  return canonical.size;
}

CharSequence lower_case(char32_t code_point) noexcept {
  if (auto mapped = find_mapping(lower_case_differences(), code_point)) return *mapped;
  return library_lower_case(code_point);
}

CharTable::CharTable() {
  const auto key_of = [](const Page& page) { return std::string_view(reinterpret_cast<const char*>(page.data()), sizeof(Page)); };
  std::vector<Page> all(page_of_.size());
  for (unsigned page = 0; page < all.size(); ++page) {
    const char32_t first = page << 8;
    if (is_sparse_page(page)) {
      all[page].fill(library_info(first));
      if (page == 0xFFF || page == 0x10FF) {  // the last two code points of a private-use plane are no characters
        all[page][0xFE] = library_info(first + 0xFE);
        all[page][0xFF] = library_info(first + 0xFF);
      }
      continue;
    }
    for (unsigned i = 0; i < 256; ++i) all[page][i] = library_info(first + i);
  }
  for (const FlagDifference& difference : flag_differences()) {
    for (const CodePointRange& range : difference.ranges) {
      for (std::uint32_t c = range.first; c <= range.last && c <= kMaxCodePoint; ++c) all[c >> 8][c & 0xFF].flags ^= difference.flag;
    }
  }
  for (const CombiningClassDifference& difference : combining_class_differences()) {
    for (std::uint32_t c = difference.first; c <= difference.last; ++c) all[c >> 8][c & 0xFF].combining_class = difference.combining_class;
  }
  std::map<std::string_view, std::uint16_t> known;
  for (std::size_t page = 0; page < all.size(); ++page) {
    const auto [it, added] = known.try_emplace(key_of(all[page]), static_cast<std::uint16_t>(pages_.size()));
    if (added) pages_.push_back(all[page]);
    page_of_[page] = it->second;
  }
}

const CharTable& CharTable::instance() {
  static const CharTable table;
  return table;
}

std::string_view strip_python_space(std::string_view text) noexcept {
  const CharTable& chars = CharTable::instance();
  while (!text.empty()) {
    const base::CodePoint c = base::decode_utf8(text, 0);
    if (!is_python_space(chars, c.value)) break;
    text.remove_prefix(c.length);
  }
  while (!text.empty()) {
    std::size_t last = text.size() - 1;
    while ((static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
    if (!is_python_space(chars, base::decode_utf8(text, last).value)) break;
    text = text.substr(0, last);
  }
  return text;
}

}  // namespace berth::tokenizer
