// UTF-8's byte order mark, with which programs on Windows begin files of text. It is no part of the text, at the beginning of a file; elsewhere it is.
#pragma once

#include <string_view>

namespace berth::base {

inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// A file's text, or its first line.
constexpr std::string_view without_byte_order_mark(std::string_view begin) noexcept {
  if (begin.starts_with(kByteOrderMark)) begin.remove_prefix(kByteOrderMark.size());
  return begin;
}

}  // namespace berth::base
