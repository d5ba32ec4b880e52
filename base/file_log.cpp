#include "base/file_log.hpp"

#include <algorithm>
#include <utility>

namespace berth::base {
namespace {

thread_local FileLog* innermost = nullptr;

std::int64_t nanoseconds(const timespec& time) noexcept { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

}  // namespace

FileStamp::FileStamp(const struct stat& status) noexcept
    : device(status.st_dev),
      inode(status.st_ino),
      size(static_cast<std::uint64_t>(status.st_size)),
      modified(nanoseconds(status.st_mtim)),
      changed(nanoseconds(status.st_ctim)) {}

FileStamp FileStamp::of(const std::filesystem::path& path) noexcept {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0 ? FileStamp(status) : FileStamp();
}

bool unchanged(std::span<const LoggedFile> files) noexcept {
  return std::all_of(files.begin(), files.end(), [](const LoggedFile& file) { return FileStamp::of(file.path) == file.stamp; });
}

FileLog::FileLog() noexcept : outer_(std::exchange(innermost, this)) {}
FileLog::~FileLog() { innermost = outer_; }

std::vector<LoggedFile> FileLog::files() const {
  std::vector<LoggedFile> all = files_, kept;
  std::sort(all.begin(), all.end());
  for (LoggedFile& file : all) {
    // That a file was asked for says nothing that its opening does not.
    if (!kept.empty() && kept.back().path == file.path && kept.back().stamp == file.stamp) {
      kept.back().opened = kept.back().opened || file.opened;
    } else {
      kept.push_back(std::move(file));
    }
  }
  return kept;
}

void FileLog::note(const std::filesystem::path& path, const FileStamp& stamp, bool opened) {
  if (innermost != nullptr) innermost->files_.push_back({path, stamp, opened});
}

}  // namespace berth::base
