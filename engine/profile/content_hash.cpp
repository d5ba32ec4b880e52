#include "engine/profile/content_hash.hpp"

#include <sys/stat.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <system_error>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"

namespace berth::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kReadBytes = std::size_t{1} << 20;
constexpr int kMaxDepth = 3;  // of folders in a model directory: ColBERT's and sentence-transformers' have one or two

bool is_model_file(const fs::path& file) {
  constexpr std::array<std::string_view, 4> kExtensions = {".json", ".safetensors", ".txt", ".model"};
  const std::string name = file.filename().native();
  if (name.starts_with("pytorch_model") || name.ends_with("_linear.pt") || name == "model_head.pkl")
    return true;  // not what a training left beside them: optimizer.pt
  return std::find(kExtensions.begin(), kExtensions.end(), file.extension().native()) != kExtensions.end();
}

std::vector<fs::path> model_files(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code failed;
  fs::recursive_directory_iterator entry(directory, fs::directory_options::follow_directory_symlink | fs::directory_options::skip_permission_denied, failed);
  for (; !failed && entry != fs::recursive_directory_iterator(); entry.increment(failed)) {
    if (entry.depth() >= kMaxDepth) entry.disable_recursion_pending();
    std::error_code ignored;
    if (is_model_file(entry->path()) && entry->is_regular_file(ignored)) files.push_back(entry->path());
  }
  if (failed) throw base::Error(base::ErrorCode::not_found, base::display(directory) + ": " + failed.message());
  std::sort(files.begin(), files.end());
  return files;
}

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

ContentHash hash_model_directory(const std::filesystem::path& directory) {
  ContentHasher hasher;
  for (const fs::path& file : model_files(directory)) {
    hasher.add(file.lexically_relative(directory).native());
    hasher.add_file(file);
  }
  return hasher.finish();
}

ContentHash stamp_model_directory(const std::filesystem::path& directory) {
  ContentHasher hasher;
  for (const fs::path& file : model_files(directory)) {
    struct stat found {};
    if (::stat(file.c_str(), &found) != 0) throw base::Error(base::ErrorCode::not_found, base::display(file) + ": cannot open");
    hasher.add(file.lexically_relative(directory).native());
    for (const auto number : {static_cast<std::uint64_t>(found.st_dev), static_cast<std::uint64_t>(found.st_ino), static_cast<std::uint64_t>(found.st_size)})
      hasher.add(number);
    for (const timespec& time : {found.st_mtim, found.st_ctim}) {  // the second cannot be set back
      hasher.add(static_cast<std::uint64_t>(time.tv_sec));
      hasher.add(static_cast<std::uint64_t>(time.tv_nsec));
    }
  }
  return hasher.finish();
}

}  // namespace berth::engine
