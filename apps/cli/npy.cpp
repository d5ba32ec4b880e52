#include "apps/cli/npy.hpp"

namespace berth::cli {

std::string npy_header(const std::string& type, std::uint64_t rows, std::size_t columns) {
  constexpr std::size_t kPrefixBytes = 10;  // magic, version 1.0, and the length of what follows
  std::string text = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " + std::to_string(columns) + "), }";
  text.resize(kNpyHeaderBytes - kPrefixBytes - 1, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(text.size() & 0xff);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

}  // namespace berth::cli
