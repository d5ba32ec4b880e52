// Writes safetensors files, right ones and wrong ones.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace berth::test {

// Length prefix, header and data put together without a look at any of them.
inline std::string raw_safetensors(std::string_view header, std::string_view data, std::uint64_t length) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(static_cast<unsigned char>(length >> (8 * i)));
  return file.append(header).append(data);
}
inline std::string raw_safetensors(std::string_view header, std::string_view data) { return raw_safetensors(header, data, header.size()); }

struct TensorToWrite {
  std::string name;
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::string data;  // as long as dtype and shape say
};

// A file as save_file writes it: tensors in the given order, the header padded with blanks to 8 bytes.
inline std::string safetensors(const std::vector<TensorToWrite>& tensors) {
  std::string header = "{\"__metadata__\":{\"format\":\"pt\"}";
  std::string data;
  for (const TensorToWrite& tensor : tensors) {
    header += ",\"" + tensor.name + "\":{\"dtype\":\"" + tensor.dtype + "\",\"shape\":[";
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) header += (i == 0 ? "" : ",") + std::to_string(tensor.shape[i]);
    header += "],\"data_offsets\":[" + std::to_string(data.size()) + "," + std::to_string(data.size() + tensor.data.size()) + "]}";
    data += tensor.data;
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return raw_safetensors(header, data);
}

inline TensorToWrite f32(std::string name, std::vector<std::uint64_t> shape, const std::vector<float>& values) {
  return {std::move(name), "F32", std::move(shape), std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float))};
}

// One F32 tensor of zeros.
inline TensorToWrite zeros(std::string name, std::vector<std::uint64_t> shape) {
  std::size_t bytes = 4;
  for (const std::uint64_t size : shape) bytes *= static_cast<std::size_t>(size);
  return {std::move(name), "F32", std::move(shape), std::string(bytes, '\0')};
}

}  // namespace berth::test
