#include "tokenizer/unicode_forms.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <map>

#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

// Hangul (The Unicode Standard, 3.12).
constexpr char32_t kSyllable = 0xAC00, kSyllables = 11172;
constexpr char32_t kLead = 0x1100, kLeads = 19;
constexpr char32_t kVowel = 0x1161, kVowels = 21;
constexpr char32_t kTail = 0x11A7, kTails = 28;  // the first is no letter: it counts a syllable without a tail

bool in(char32_t c, char32_t first, char32_t count) { return c >= first && c < first + count; }

// The last code point with a decomposition lies far below this; nothing above it joins anything but by its combining class.
constexpr char32_t kLastMapped = 0x2FFFF;

// The single code point that `size` decomposed code points compose to, 0 when there is none.
char32_t library_composite(const char32_t* parts, std::size_t size) {
  std::array<utf8proc_int32_t, 4> buffer{};
  for (std::size_t i = 0; i < size; ++i) buffer[i] = static_cast<utf8proc_int32_t>(parts[i]);
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  const utf8proc_ssize_t count = utf8proc_normalize_utf32(buffer.data(), static_cast<utf8proc_ssize_t>(size), options);
  return count == 1 ? static_cast<char32_t>(buffer[0]) : 0;
}

}  // namespace

const FormTable& FormTable::instance() {
  static const FormTable table;
  return table;
}

void FormTable::add_pairs() {
  const CharTable& chars = CharTable::instance();
  for (char32_t c = 0; c <= kLastMapped; ++c) {
    if (!chars.has(c, kDecomposes) || in(c, kSyllable, kSyllables)) continue;
    const CharSequence parts = canonical_decomposition(c);
    if (parts.size < 2 || library_composite(parts.chars.data(), parts.size) != c) continue;  // excluded from composition
    const char32_t first = parts.size == 2 ? parts.chars[0] : library_composite(parts.chars.data(), parts.size - 1);
    const char32_t second = parts.chars[parts.size - 1];
    if (first == 0) continue;
    pairs_.push_back({std::uint64_t{first} << 32 | second, c});
    seconds_.push_back(second);
  }
  std::sort(pairs_.begin(), pairs_.end(), [](const Pair& a, const Pair& b) { return a.key < b.key; });
  std::sort(seconds_.begin(), seconds_.end());
  seconds_.erase(std::unique(seconds_.begin(), seconds_.end()), seconds_.end());
}

char32_t FormTable::compose(char32_t first, char32_t second) const noexcept {
  if (in(first, kLead, kLeads) && in(second, kVowel, kVowels)) return kSyllable + ((first - kLead) * kVowels + (second - kVowel)) * kTails;
  if (in(first, kSyllable, kSyllables) && (first - kSyllable) % kTails == 0 && in(second, kTail + 1, kTails - 1)) return first + (second - kTail);
  const std::uint64_t key = std::uint64_t{first} << 32 | second;
  const auto it = std::lower_bound(pairs_.begin(), pairs_.end(), key, [](const Pair& pair, std::uint64_t value) { return pair.key < value; });
  return it != pairs_.end() && it->key == key ? it->composite : 0;
}

bool FormTable::composes_back(char32_t c) const {
  return in(c, kVowel, kVowels) || in(c, kTail + 1, kTails - 1) || std::binary_search(seconds_.begin(), seconds_.end(), c);
}

std::uint8_t FormTable::facts(char32_t c) const {
  const CharTable& chars = CharTable::instance();
  unsigned facts = 0;
  const auto joins = [&](char32_t part) { return chars[part].combining_class != 0 || composes_back(part); };
  std::array<char32_t, kMaxCompatibility> compatible;
  const std::size_t size = compatibility_decomposition(c, compatible);
  const CharSequence canonical = canonical_decomposition(c);
  if (chars[c].combining_class != 0 || joins(canonical.chars[0])) facts |= kJoins;
  if (chars[c].combining_class != 0 || joins(compatible[0])) facts |= kJoinsCompatible;
  const bool decomposes = chars.has(c, kDecomposes);
  const bool recomposes = in(c, kSyllable, kSyllables) || (decomposes && canonical.size > 1 &&
                                                           std::any_of(pairs_.begin(), pairs_.end(), [c](const Pair& pair) { return pair.composite == c; }));
  const bool same = size == canonical.size && std::equal(canonical.begin(), canonical.end(), compatible.begin());
  if (decomposes) facts |= kChangesNfd;
  if (decomposes && !recomposes) facts |= kChangesNfc;
  if (size != 1 || compatible[0] != c) facts |= kChangesNfkd;
  if (same ? decomposes && !recomposes : true) facts |= kChangesNfkc;
  return static_cast<std::uint8_t>(facts);
}

FormTable::FormTable() {
  add_pairs();
  std::map<Page, std::uint16_t> known;
  for (std::size_t page = 0; page < page_of_.size(); ++page) {
    Page current{};
    if (page << 8 <= kLastMapped) {
      for (unsigned i = 0; i < 256; ++i) current[i] = facts(static_cast<char32_t>(page << 8 | i));
    }
    const auto [it, added] = known.try_emplace(current, static_cast<std::uint16_t>(pages_.size()));
    if (added) pages_.push_back(current);
    page_of_[page] = it->second;
  }
}

}  // namespace berth::tokenizer
