#include "apps/cli/people.hpp"

#include <utf8proc.h>

#include <charconv>
#include <cmath>

#include "base/utf8.hpp"

namespace berth::cli {
namespace {

constexpr std::string_view kEllipsis = "…";

bool is_space_like(char32_t c) { return c == '\n' || c == '\r' || c == '\t' || c == '\v' || c == '\f' || c == 0x85 || c == 0x2028 || c == 0x2029; }

// Control characters, and the format characters that reorder or hide what stands around them.
bool is_unprintable(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_CC || (category == UTF8PROC_CATEGORY_CF && c != 0x200D);
}

int width(char32_t c) { return utf8proc_charwidth(static_cast<utf8proc_int32_t>(c)); }

}  // namespace

std::string one_line(std::string_view text, int columns) {
  std::string out;
  int used = 0;
  std::size_t fits = 0;  // bytes of `out` after which the ellipsis still has room
  for (std::size_t i = 0; i < text.size();) {
    const auto [value, length] = base::decode_utf8(text, i);
    i += length;
    const char32_t shown = is_space_like(value) ? U' ' : is_unprintable(value) ? U'\uFFFD' : value;
    used += width(shown);
    if (used > columns) {
      out.resize(fits);
      return columns > 0 ? out.append(kEllipsis) : out;
    }
    base::append_utf8(out, shown);
    if (used < columns) fits = out.size();
  }
  return out;
}

int display_width(std::string_view text) {
  int total = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto [value, length] = base::decode_utf8(text, i);
    i += length;
    total += width(value);
  }
  return total;
}

std::string pad_right(std::string_view text, int columns) {
  std::string out(text);
  const int missing = columns - display_width(text);
  if (missing > 0) out.append(static_cast<std::size_t>(missing), ' ');
  return out;
}

std::string fixed(double value, int decimals) {
  char buffer[400];  // the largest double has 309 digits before the point
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed, decimals);
  return std::string(buffer, result.ptr);
}

std::string grouped(double value) {
  std::string digits = fixed(std::round(value), 0);
  for (std::ptrdiff_t i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > (digits.starts_with('-') ? 1 : 0); i -= 3)
    digits.insert(static_cast<std::size_t>(i), 1, ',');
  return digits;
}

}  // namespace berth::cli
