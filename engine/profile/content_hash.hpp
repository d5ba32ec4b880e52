// 128-bit hashes of content (XXH3), as keys of what was computed from it. They tell changes apart, not forgeries.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "base/file_log.hpp"

namespace berth::engine {

struct ContentHash {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend auto operator<=>(const ContentHash&, const ContentHash&) = default;
};

class ContentHasher {
 public:
  ContentHasher();
  ~ContentHasher();
  ContentHasher(const ContentHasher&) = delete;
  ContentHasher& operator=(const ContentHasher&) = delete;

  // Bytes with their number, so that ("ab", "c") and ("a", "bc") differ.
  void add(std::string_view bytes);
  void add(std::uint64_t number);
  void add_file(const std::filesystem::path& file);  // what it holds; base::Error{not_found} when it cannot be read
  ContentHash finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

ContentHash content_hash(std::string_view bytes);

// Of those that were opened: their names seen from `directory`, and what they hold. base::Error{not_found}.
ContentHash hash_files(std::span<const base::LoggedFile> files, const std::filesystem::path& directory);

}  // namespace berth::engine
