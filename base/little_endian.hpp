// Numbers in files, whose bytes begin with the lowest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace berth::base {

// At most 8 bytes.
inline std::uint64_t little_endian(std::string_view bytes) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace berth::base
