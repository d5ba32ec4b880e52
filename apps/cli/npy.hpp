// Files that numpy.load() reads: a matrix whose number of rows is known only at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace berth::cli {

inline constexpr std::size_t kNpyHeaderBytes = 128;

// The first kNpyHeaderBytes bytes of a file with a matrix [rows, columns] of `type` ("<f4", "<f2", "|i1", "|u1"), row after row behind them.
std::string npy_header(const std::string& type, std::uint64_t rows, std::size_t columns);

}  // namespace berth::cli
