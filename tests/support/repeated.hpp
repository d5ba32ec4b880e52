// Long texts of one thing.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace berth::test {

// `part` again and again, until there are at least `bytes` bytes.
inline std::string repeated(std::string_view part, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += part;
  return text;
}

}  // namespace berth::test
