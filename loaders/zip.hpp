// The entries of a zip archive that keeps its files as they are, uncompressed: what PyTorch's checkpoints are. (PKWARE's APPNOTE 6.3, with zip64.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace berth::loaders {

struct ZipEntry {
  std::string_view name;  // in the archive's own bytes
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // offsets of its content in the archive
};

// All files of the archive, by the directory at its end. base::Error naming `label`: corrupt_file for what is no archive or is cut short, unsupported where an
// entry is encrypted or compressed. Reads the directory and each entry's header, no content.
std::vector<ZipEntry> read_zip(std::span<const std::byte> archive, const std::string& label);

}  // namespace berth::loaders
