#include "base/json_text.hpp"

#include <algorithm>
#include <charconv>
#include <type_traits>

namespace berth::base {
namespace {

constexpr std::size_t kMostDigits = 20;  // of a number: 2^64 - 1 has as many, "-1.17549435e-38" 15

// Returns the end of the digits, behind `to`, where there is room for kMostDigits.
template <class Number>
char* write_number(char* to, Number value) {
  char* end = std::to_chars(to, to + kMostDigits, value).ptr;
  if constexpr (std::is_floating_point_v<Number>) {
    // "-0" would be read as the integer 0, without its sign.
    if (std::none_of(to, end, [](char c) { return c == '.' || c == 'e'; })) {
      *end++ = '.';
      *end++ = '0';
    }
  }
  return end;
}

// Written where they stay: an embedding has hundreds.
template <class Number>
void append_all(std::string& out, std::span<const Number> values) {
  const std::size_t size = out.size();
  out.resize(size + 2 + values.size() * (kMostDigits + 1));
  char* to = out.data() + size;
  *to++ = '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) *to++ = ',';
    to = write_number(to, values[i]);
  }
  *to++ = ']';
  out.resize(static_cast<std::size_t>(to - out.data()));
}

template <class Number>
void append_one(std::string& out, Number value) {
  char digits[kMostDigits];
  out.append(digits, write_number(digits, value));
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;  // what begins here needs no escapes so far
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    switch (byte) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default: out.append("\\u00").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
  }
  out.append(text, plain).append(1, '"');
}

void append_number(std::string& out, float value) { append_one(out, value); }
void append_number(std::string& out, std::uint64_t value) { append_one(out, value); }
void append_array(std::string& out, std::span<const float> values) { append_all(out, values); }
void append_array(std::string& out, std::span<const std::int32_t> values) { append_all(out, values); }

void append_matrix(std::string& out, std::span<const float> values, std::size_t size) {
  out += '[';
  for (std::size_t at = 0; at < values.size(); at += size) {
    if (at > 0) out += ',';
    append_array(out, values.subspan(at, size));
  }
  out += ']';
}

}  // namespace berth::base
