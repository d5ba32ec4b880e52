#include "base/error.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace berth::base {
namespace {

void append_escaped(std::string& out, unsigned char byte) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (byte) {
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  out += "\\x";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t valid = std::min(find_invalid_utf8(text), text.size());
    for (const char c : text.substr(0, valid)) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7f) {
        append_escaped(out, byte);
      } else {
        out += c;
      }
    }
    if (valid < text.size()) append_escaped(out, static_cast<unsigned char>(text[valid]));
    text.remove_prefix(std::min(valid + 1, text.size()));
  }
  return out;
}

std::string quoted(std::string_view text, std::size_t limit) {
  std::size_t length = text.size();
  if (length > limit) {
    length = limit;
    for (int back = 0; back < 3 && length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80; ++back) --length;
  }
  std::string out = "\"" + printable(text.substr(0, length));
  return out + (length < text.size() ? "...\"" : "\"");
}

}  // namespace berth::base
