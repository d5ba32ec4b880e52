// Matching of added tokens. Most texts contain none, so the search is a scan for the bytes they begin with.
#include <algorithm>
#include <cstring>

#include "base/utf8.hpp"
#include "tokenizer/added_vocabulary.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

// Where the code point that ends at `end` begins; end > 0.
std::size_t previous_code_point(std::string_view text, std::size_t end) {
  --end;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return end;
}

bool ends_with_word(std::string_view text) {
  return !text.empty() && CharTable::instance().has(base::decode_utf8(text, previous_code_point(text, text.size())).value, kWordCharacter);
}

bool starts_with_word(std::string_view text) { return !text.empty() && CharTable::instance().has(base::decode_utf8(text, 0).value, kWordCharacter); }

std::size_t skip_spaces_back(std::string_view text, std::size_t end, std::size_t limit) {
  const CharTable& chars = CharTable::instance();
  while (end > limit) {
    const std::size_t begin = previous_code_point(text, end);
    if (!chars.has(base::decode_utf8(text, begin).value, kSpace)) break;
    end = begin;
  }
  return std::max(end, limit);
}

std::size_t skip_spaces(std::string_view text, std::size_t at) {
  const CharTable& chars = CharTable::instance();
  while (at < text.size()) {
    const base::CodePoint c = base::decode_utf8(text, at);
    if (!chars.has(c.value, kSpace)) break;
    at += c.length;
  }
  return at;
}

// Of equal texts the trie keeps the last one, and the first one must match.
std::vector<PrefixTrie::Key> keys_of(const std::vector<AddedTokenMatcher::Pattern>& patterns) {
  std::vector<PrefixTrie::Key> keys;
  for (std::size_t i = patterns.size(); i-- > 0;) keys.push_back({patterns[i].text, static_cast<std::int32_t>(i)});
  return keys;
}

AddedSplit piece(std::size_t begin, std::size_t end, std::int32_t id = -1) {
  return {{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)}, id};
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<Pattern> patterns) : patterns_(std::move(patterns)), trie_(keys_of(patterns_), "added tokens") {
  std::size_t first_bytes = 0;
  for (const Pattern& pattern : patterns_) {
    if (pattern.text.empty()) continue;
    const auto first = static_cast<unsigned char>(pattern.text[0]);
    if (begins_[first]) continue;
    begins_[first] = true;
    only_first_byte_ = ++first_bytes == 1 ? first : -1;
  }
}

std::size_t AddedTokenMatcher::next_candidate(std::string_view text, std::size_t from) const {
  if (from >= text.size()) return text.size();
  if (only_first_byte_ >= 0) {
    const void* found = std::memchr(text.data() + from, only_first_byte_, text.size() - from);
    return found == nullptr ? text.size() : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
  }
  while (from < text.size() && !begins_[static_cast<unsigned char>(text[from])]) ++from;
  return from;
}

bool AddedTokenMatcher::find(std::string_view text, std::size_t from, Match& match) const {
  for (std::size_t at = next_candidate(text, from); at < text.size(); at = next_candidate(text, at + 1)) {
    bool found = false;
    trie_.each_prefix(text.substr(at), [&](std::size_t length, std::int32_t pattern) {
      match = {at, at + length, static_cast<std::size_t>(pattern)};
      found = true;
    });
    if (found) return true;
  }
  return false;
}

void AddedTokenMatcher::split(std::string_view text, std::vector<AddedSplit>& pieces) const {
  std::size_t done = 0;
  std::size_t from = 0;
  Match match{};
  while (from < text.size() && find(text, from, match)) {
    from = match.end;  // also after a match that is not taken, and whatever rstrip adds: so the reference's search goes on
    const AddedToken& token = patterns_[match.pattern].token;
    if (token.single_word && (ends_with_word(text.substr(0, match.begin)) || starts_with_word(text.substr(match.end)))) continue;
    const std::size_t begin = token.lstrip ? skip_spaces_back(text, match.begin, done) : match.begin;
    const std::size_t end = token.rstrip ? skip_spaces(text, match.end) : match.end;
    if (begin > end) continue;  // within spaces that the token before has taken
    if (done < begin) pieces.push_back(piece(done, begin));
    pieces.push_back(piece(begin, end, patterns_[match.pattern].id));
    done = end;
  }
  if (done != text.size() || text.empty()) pieces.push_back(piece(done, text.size()));
}

}  // namespace berth::tokenizer
