#include "tokenizer/word_scanner.hpp"

#include <array>
#include <cstdint>

#include "base/utf8.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

enum class Kind : std::uint8_t { other, letter, number, space };

Kind kind_of(char32_t c) {
  const unsigned flags = CharTable::instance()[c].flags;
  return (flags & kLetter) != 0 ? Kind::letter : (flags & kNumber) != 0 ? Kind::number : (flags & kSpace) != 0 ? Kind::space : Kind::other;
}

const std::array<Kind, 128>& ascii_kinds() {
  static const std::array<Kind, 128> kinds = [] {
    std::array<Kind, 128> result{};
    for (std::size_t c = 0; c < result.size(); ++c) result[c] = kind_of(static_cast<char32_t>(c));
    return result;
  }();
  return kinds;
}

struct Scanner {
  std::string_view text;
  const std::array<Kind, 128>& ascii = ascii_kinds();

  struct Next {
    Kind kind;
    std::size_t end;
  };
  Next next(std::size_t at) const {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) return {ascii[byte], at + 1};
    const base::CodePoint c = base::decode_utf8(text, at);
    return {kind_of(c.value), at + c.length};
  }
  bool is(std::size_t at, Kind kind) const { return at < text.size() && next(at).kind == kind; }

  std::size_t run(std::size_t at, Kind kind) const {
    while (at < text.size()) {
      const Next c = next(at);
      if (c.kind != kind) break;
      at = c.end;
    }
    return at;
  }

  // \s+(?!\S)|\s+ : a run of white space but its last character, which belongs to the next word; all of it at the end of the text, and a single
  // one. `before`: characters of the run before `at`.
  std::size_t spaces(std::size_t at, std::size_t before) const {
    std::size_t last = at;  // where the last one begins
    std::size_t end = at;
    std::size_t count = before;
    while (end < text.size()) {
      const Next c = next(end);
      if (c.kind != Kind::space) break;
      last = end;
      end = c.end;
      ++count;
    }
    return end == text.size() || count == 1 ? end : last;
  }

  // 's|'t|'re|'ve|'m|'ll|'d after the apostrophe: its length, 0 when there is none.
  std::size_t contraction(std::size_t at) const {
    if (at >= text.size()) return 0;
    const char c = text[at];
    if (c == 's' || c == 't' || c == 'm' || c == 'd') return 1;
    if (at + 1 >= text.size()) return 0;
    const char d = text[at + 1];
    return ((c == 'r' || c == 'v') && d == 'e') || (c == 'l' && d == 'l') ? 2 : 0;
  }

  // The same in any case; U+017F is an s.
  std::size_t contraction_any_case(std::size_t at) const {
    if (at >= text.size()) return 0;
    const auto lower = [&](std::size_t i) { return i < text.size() ? static_cast<char>(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]) : '\0'; };
    const char c = lower(at);
    if (c == 's' || c == 't' || c == 'm' || c == 'd') return 1;
    if (text.substr(at).starts_with("\u017F")) return 2;
    const char d = lower(at + 1);
    return ((c == 'r' || c == 'v') && d == 'e') || (c == 'l' && d == 'l') ? 2 : 0;
  }

  static bool is_newline(char c) { return c == '\r' || c == '\n'; }
};

}  // namespace

std::size_t end_of_gpt2_word(std::string_view text, std::size_t at) noexcept {
  const Scanner scanner{text};
  if (text[at] == '\'') {
    if (const std::size_t length = scanner.contraction(at + 1)) return at + 1 + length;
  }
  const std::size_t begin = text[at] == ' ' ? at + 1 : at;
  if (begin < text.size()) {
    const Scanner::Next c = scanner.next(begin);
    if (c.kind != Kind::space) return scanner.run(c.end, c.kind);
  }
  return scanner.spaces(at, 0);
}

std::size_t end_of_gpt2_word_after_space(std::string_view text) noexcept {
  const Scanner scanner{text};
  const Scanner::Next c = scanner.next(0);
  return c.kind != Kind::space ? scanner.run(c.end, c.kind) : scanner.spaces(0, 1);
}

std::size_t end_of_gpt4_word(std::string_view text, std::size_t at) noexcept {
  const Scanner scanner{text};
  if (text[at] == '\'') {
    if (const std::size_t length = scanner.contraction_any_case(at + 1)) return at + 1 + length;
  }
  const Scanner::Next c = scanner.next(at);
  if (c.kind == Kind::letter) return scanner.run(c.end, Kind::letter);
  if (c.kind == Kind::number) {
    std::size_t end = c.end;
    for (int more = 0; more < 2 && scanner.is(end, Kind::number); ++more) end = scanner.next(end).end;
    return end;
  }
  if (!Scanner::is_newline(text[at]) && scanner.is(c.end, Kind::letter)) return scanner.run(c.end, Kind::letter);
  if (c.kind == Kind::other || (text[at] == ' ' && scanner.is(c.end, Kind::other))) {
    std::size_t end = scanner.run(c.end, Kind::other);
    while (end < text.size() && Scanner::is_newline(text[end])) ++end;
    return end;
  }
  // \s*[\r\n]+ : up to the last line break of the run.
  const std::size_t end = scanner.run(c.end, Kind::space);
  for (std::size_t i = end; i > at; --i) {
    if (Scanner::is_newline(text[i - 1])) return i;
  }
  return scanner.spaces(at, 0);
}

}  // namespace berth::tokenizer
