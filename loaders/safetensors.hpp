// The header of a safetensors file: every rule of the format is checked here, before a byte of tensor data is looked at.
//
// A file is an 8-byte little-endian length N, N bytes of JSON, and the tensors' bytes. The JSON maps each tensor's name to its dtype, shape and
// data_offsets [begin, end) counted from the end of the header; "__metadata__" maps strings to strings. The tensors tile the rest of the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "loaders/tensor_entry.hpp"

namespace berth::loaders {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

struct SafetensorsHeader {
  std::vector<TensorEntry> tensors;  // in the order of their offsets; they tile the file from the header's end to its own
  std::map<std::string, std::string> metadata;
};

// `bytes` begins with the first byte of a file of `file_size` bytes and holds at least its header (or all there is, when the file is shorter).
// base::Error{corrupt_file} names `label` and lists every bad entry, or every overlap and hole, at once. Allocates nothing before N is known to fit.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> bytes, std::uint64_t file_size, const std::string& label);

}  // namespace berth::loaders
