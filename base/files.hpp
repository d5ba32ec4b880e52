// Read-only access to files: whole small files, memory maps of large ones, and names taken from JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/aligned_buffer.hpp"
#include "base/lost_pages.hpp"

namespace berth::base {

// A path as messages show it: one line of valid UTF-8.
std::string display(const std::filesystem::path& path);

// The file's bytes. not_found (with the operating system's reason) when it cannot be opened, corrupt_file when larger than `max_bytes`
// or not a regular file.
std::string read_file(const std::filesystem::path& path, std::size_t max_bytes);

// True for a readable regular file (links followed), false when there is nothing of that name. What exists but cannot be read is no reason to go on
// without it: a permission problem, a link that leads nowhere or in a circle throw not_found; a directory or a pipe throws corrupt_file.
bool file_exists(const std::filesystem::path& path);

// `directory / name` for a name written in a JSON file: it must be relative, without "..", "." or empty segments, NUL or backslashes, else
// corrupt_file naming `label` and the name. Links that the user's directory contains are followed (a hub cache is made of them).
std::filesystem::path join_checked(const std::filesystem::path& directory, std::string_view name, const std::string& label);

// Throws corrupt_file when `head` (a file's first 16 bytes or more) is a Git LFS pointer, an HTML page, a zip, pickle, GGUF or HDF5 file, saying which.
void reject_impostor(std::string_view head, const std::string& label);

enum class FileAccess { map, copy };

// A file's bytes, immutable: mapped read-only, or copied into memory (--no-mmap: safe against a file that is cut short later).
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path, FileAccess access = FileAccess::map);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  // Drops the resident pages that lie wholly inside `part` of bytes(); reading them again reads the file again. No effect on a copy.
  void release_pages(std::span<const std::byte> part) const noexcept;
  bool mapped() const noexcept { return map_ != nullptr; }
  // Whether the file was found cut short while it was read, so that bytes() are not what they were; only after survive_lost_pages().
  bool lost() const noexcept { return watch_.lost(); }

 private:
  void* map_ = nullptr;
  LostPagesWatch watch_;
  AlignedBuffer<std::byte> copy_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace berth::base
