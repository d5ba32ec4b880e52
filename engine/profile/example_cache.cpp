#include "engine/profile/example_cache.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <system_error>

#include "base/checked.hpp"
#include "base/error.hpp"
#include "base/files.hpp"

namespace berth::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::array<char, 8> kMagic = {'b', 'e', 'r', 't', 'h', 'e', 'x', '1'};
constexpr std::size_t kMaxBytes = std::size_t{4} << 30;

// The file: this, the hashes of the texts, their vectors. All little-endian, as the processors berth runs on are.
struct Header {
  std::array<char, 8> magic = kMagic;
  ContentHash key;
  std::uint64_t count = 0;
  std::uint64_t dimensions = 0;
  ContentHash payload;  // of everything behind the header
};
static_assert(sizeof(Header) == 56);

std::string_view bytes_of(std::span<const ContentHash> texts) { return {reinterpret_cast<const char*>(texts.data()), texts.size_bytes()}; }
std::string_view bytes_of(std::span<const float> vectors) { return {reinterpret_cast<const char*>(vectors.data()), vectors.size_bytes()}; }

ContentHash payload_hash(std::span<const ContentHash> texts, std::span<const float> vectors) {
  ContentHasher hasher;
  hasher.add(bytes_of(texts));
  hasher.add(bytes_of(vectors));
  return hasher.finish();
}

}  // namespace

ExampleCache::ExampleCache(const fs::path& file, const ContentHash& key, std::size_t dimensions) : dimensions_(dimensions) {
  std::error_code failed;
  if (!fs::is_regular_file(file, failed)) return;
  std::string content;
  try {
    content = base::read_file(file, kMaxBytes);
  } catch (const base::Error&) {
    return;
  }
  Header header;
  if (content.size() < sizeof(header)) return;
  std::memcpy(&header, content.data(), sizeof(header));
  if (header.magic != kMagic || header.key != key || header.dimensions != dimensions) return;
  const auto row_bytes = base::checked_add(sizeof(ContentHash), dimensions * sizeof(float));
  const auto bytes = row_bytes ? base::checked_mul(header.count, *row_bytes) : std::nullopt;
  if (!bytes || *bytes != content.size() - sizeof(header)) return;
  const auto count = static_cast<std::size_t>(header.count);
  std::vector<ContentHash> texts(count);
  std::vector<float> vectors(count * dimensions);
  const char* from = content.data() + sizeof(header);
  if (count > 0) std::memcpy(texts.data(), from, count * sizeof(ContentHash));
  if (count > 0) std::memcpy(vectors.data(), from + count * sizeof(ContentHash), vectors.size() * sizeof(float));
  if (payload_hash(texts, vectors) != header.payload) return;
  for (const float value : vectors)
    if (!std::isfinite(value)) return;
  vectors_ = std::move(vectors);
  for (std::size_t i = 0; i < count; ++i) rows_.emplace(texts[i], i);
}

const float* ExampleCache::find(const ContentHash& text) const {
  const auto found = rows_.find(text);
  return found == rows_.end() ? nullptr : vectors_.data() + found->second * dimensions_;
}

bool ExampleCache::write(const fs::path& file, const ContentHash& key, std::size_t dimensions, std::span<const ContentHash> texts,
                         std::span<const float> vectors) noexcept {
  try {
    // Containers that share a folder may have one process number, and what a killed one left there must not be in the way.
    const auto now = std::chrono::system_clock::now().time_since_epoch().count();
    const fs::path temporary = file.native() + "." + std::to_string(::getpid()) + "." + std::to_string(now) + ".part";
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::fopen(temporary.c_str(), "wbxe"), &std::fclose);
    if (out == nullptr) return false;
    Header header;
    header.key = key;
    header.count = texts.size();
    header.dimensions = dimensions;
    header.payload = payload_hash(texts, vectors);
    const auto put = [&](std::string_view bytes) { return std::fwrite(bytes.data(), 1, bytes.size(), out.get()) == bytes.size(); };
    bool good = put({reinterpret_cast<const char*>(&header), sizeof(header)}) && put(bytes_of(texts)) && put(bytes_of(vectors));
    good = std::fclose(out.release()) == 0 && good;
    std::error_code failed;
    if (good) fs::rename(temporary, file, failed);
    if (good && !failed) return true;
    fs::remove(temporary, failed);
    return false;
  } catch (...) {
    return false;
  }
}

}  // namespace berth::engine
