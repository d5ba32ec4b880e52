#include "base/json_text.hpp"

#include <charconv>
#include <type_traits>

namespace berth::base {
namespace {

template <class Number>
void append_chars(std::string& out, Number value) {
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  const std::string_view digits(buffer, static_cast<std::size_t>(result.ptr - buffer));
  out += digits;
  // "-0" would be read as the integer 0, without its sign.
  if constexpr (std::is_floating_point_v<Number>)
    if (digits.find_first_of(".e") == std::string_view::npos) out += ".0";
}

template <class Number>
void append_all(std::string& out, std::span<const Number> values) {
  out += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    append_chars(out, values[i]);
  }
  out += ']';
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
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out.append("\\u00").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
  }
  out.append(text, plain).append(1, '"');
}

void append_number(std::string& out, float value) { append_chars(out, value); }
void append_number(std::string& out, std::uint64_t value) { append_chars(out, value); }
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
