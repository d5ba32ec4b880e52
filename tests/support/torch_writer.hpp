// Writes PyTorch's checkpoints, right ones and wrong ones: a zip archive of a pickle and storages. tests/loaders/torch has some that PyTorch itself wrote.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth::test {

inline std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  return text;
}

using ZipFiles = std::vector<std::pair<std::string, std::string>>;  // names and contents

// An archive of files as they are. Checksums are left at 0: nobody here asks for them.
inline std::string zip(const ZipFiles& files, std::uint16_t method = 0, std::uint16_t flags = 0) {
  std::string archive, directory;
  for (const auto& [name, content] : files) {
    const std::string common = little_endian(flags, 2) + little_endian(method, 2) + std::string(8, '\0') + little_endian(content.size(), 4) +
                               little_endian(content.size(), 4) + little_endian(name.size(), 2) + little_endian(0, 2);
    directory += "PK\x01\x02" + std::string(2, '\0') + little_endian(20, 2) + common + std::string(10, '\0') + little_endian(archive.size(), 4) + name;
    archive += "PK\x03\x04" + little_endian(20, 2) + common + name + content;
  }
  const std::string count = little_endian(files.size(), 2);
  return archive + directory + "PK\x05\x06" + std::string(4, '\0') + count + count + little_endian(directory.size(), 4) + little_endian(archive.size(), 4) +
         std::string(2, '\0');
}

struct TorchTensor {
  std::string name;
  std::string storage_class = "FloatStorage";
  std::string storage;             // its key
  std::uint64_t storage_size = 0;  // in elements
  std::uint64_t offset = 0;
  std::vector<std::uint64_t> shape = {};
  std::vector<std::uint64_t> strides = {};
};

inline std::string pickled(std::string_view text) { return "X" + little_endian(text.size(), 4) + std::string(text); }
inline std::string pickled(std::uint64_t number) { return "\x8a\x08" + little_endian(number, 8); }
inline std::string pickled(const std::vector<std::uint64_t>& numbers) {
  std::string tuple = "(";
  for (const std::uint64_t number : numbers) tuple += pickled(number);
  return tuple + "t";
}

// What torch.save makes of a tensor.
inline std::string pickled(const TorchTensor& tensor) {
  const std::string storage =
      "(" + pickled("storage") + "ctorch\n" + tensor.storage_class + "\n" + pickled(tensor.storage) + pickled("cpu") + pickled(tensor.storage_size) + "tQ";
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + pickled(tensor.offset) + pickled(tensor.shape) + pickled(tensor.strides) +
         "\x89"
         "ccollections\nOrderedDict\n)RtR";
}

inline std::string pickled(const std::vector<TorchTensor>& tensors) {
  std::string pickle =
      "\x80\x02"
      "ccollections\nOrderedDict\n)R(";
  for (const TorchTensor& tensor : tensors) pickle += pickled(tensor.name) + pickled(tensor);
  return pickle + "u.";
}

// `storages`: keys and bytes.
inline std::string torch_checkpoint(const std::vector<TorchTensor>& tensors, const ZipFiles& storages) {
  ZipFiles files = {{"archive/data.pkl", pickled(tensors)}};
  for (const auto& [key, bytes] : storages) files.emplace_back("archive/data/" + key, bytes);
  return zip(files);
}

// The form before PyTorch 1.6; the storages are of four-byte elements.
inline std::string legacy_torch_checkpoint(const std::vector<TorchTensor>& tensors, const ZipFiles& storages) {
  const std::string magic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
  std::string keys = "\x80\x02](", data;
  for (const auto& [key, bytes] : storages) {
    keys += pickled(key);
    data += little_endian(bytes.size() / 4, 8) + bytes;
  }
  return magic + "\x80\x02M\xe9\x03." + "\x80\x02}" + pickled("little_endian") + "\x88s." + pickled(tensors) + keys + "e." + data;
}

}  // namespace berth::test
