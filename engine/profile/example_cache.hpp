// Embeddings of examples in a file beside the profile, so that they are computed once.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/profile/content_hash.hpp"

namespace berth::engine {

// A file holds the vectors of one model as it was run: `key` says which. What is in it is found by the hash of the example's text. A file that is not there, is
// of another key or version, or is damaged counts as empty: it is only a cache.
class ExampleCache {
 public:
  ExampleCache(const std::filesystem::path& file, const ContentHash& key, std::size_t dimensions);

  const float* find(const ContentHash& text) const;  // [dimensions], or null
  std::size_t size() const noexcept { return rows_.size(); }

  // Replaces the file by these texts' vectors [texts, dimensions]: under another name first, so that nobody reads half a file. False where that
  // cannot be done, which is no error: the folder may be read-only.
  static bool write(const std::filesystem::path& file, const ContentHash& key, std::size_t dimensions, std::span<const ContentHash> texts,
                    std::span<const float> vectors) noexcept;

 private:
  struct Hash {
    std::size_t operator()(const ContentHash& hash) const noexcept { return hash.low; }
  };
  std::size_t dimensions_;
  std::vector<float> vectors_;
  std::unordered_map<ContentHash, std::size_t, Hash> rows_;
};

}  // namespace berth::engine
