#include "engine/profile/content_hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdio>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"

namespace berth::engine {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 20;

ContentHash of(XXH128_hash_t hash) { return {hash.low64, hash.high64}; }

}  // namespace

struct ContentHasher::State {
  State() : xxh(XXH3_createState()) {
    if (xxh == nullptr) throw std::bad_alloc();
    XXH3_128bits_reset(xxh);
  }
  ~State() { XXH3_freeState(xxh); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  XXH3_state_t* xxh;
};

ContentHasher::ContentHasher() : state_(std::make_unique<State>()) {}
ContentHasher::~ContentHasher() = default;

void ContentHasher::add(std::string_view bytes) {
  add(bytes.size());
  XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size());
}

void ContentHasher::add(std::uint64_t number) { XXH3_128bits_update(state_->xxh, &number, sizeof(number)); }

void ContentHasher::add_file(const std::filesystem::path& file) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(std::fopen(file.c_str(), "rbe"), &std::fclose);
  if (in == nullptr) throw base::Error(base::ErrorCode::not_found, base::display(file) + ": cannot open");
  std::vector<char> block(kReadBytes);
  std::uint64_t size = 0;
  std::size_t got = 0;
  while ((got = std::fread(block.data(), 1, block.size(), in.get())) > 0) {
    XXH3_128bits_update(state_->xxh, block.data(), got);
    size += got;
  }
  if (std::ferror(in.get()) != 0) throw base::Error(base::ErrorCode::not_found, base::display(file) + ": cannot read");
  add(size);
}

ContentHash ContentHasher::finish() const { return of(XXH3_128bits_digest(state_->xxh)); }

ContentHash content_hash(std::string_view bytes) { return of(XXH3_128bits(bytes.data(), bytes.size())); }

ContentHash hash_files(std::span<const base::LoggedFile> files, const std::filesystem::path& directory) {
  ContentHasher hasher;
  for (const base::LoggedFile& file : files) {
    if (!file.opened) continue;
    hasher.add(file.path.lexically_relative(directory).native());
    hasher.add_file(file.path);
  }
  return hasher.finish();
}

}  // namespace berth::engine
