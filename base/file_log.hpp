// Which files were read, or looked for, and how they were: what was made from them can tell whether it would be made otherwise now.
#pragma once

#include <sys/stat.h>

#include <compare>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace berth::base {

// Which file a name stands for, and when it was last written to. All zeros: there is none.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified = 0;  // ns
  std::int64_t changed = 0;   // ns; cannot be set back

  explicit FileStamp(const struct stat& status) noexcept;
  FileStamp() = default;
  static FileStamp of(const std::filesystem::path& path) noexcept;  // as it is now
  friend auto operator<=>(const FileStamp&, const FileStamp&) = default;
};

struct LoggedFile {
  std::filesystem::path path;
  FileStamp stamp;      // at that time
  bool opened = false;  // else only asked for by file_exists()
  friend auto operator<=>(const LoggedFile&, const LoggedFile&) = default;
};

// Whether the names stand for the very same files now, and those that were missed are still not there.
bool unchanged(std::span<const LoggedFile> files) noexcept;

// While one exists, it is told what this thread opens through base/files.hpp. (Loading a model is the work of one thread, and many functions deep.)
class FileLog {
 public:
  FileLog() noexcept;
  ~FileLog();
  FileLog(const FileLog&) = delete;
  FileLog& operator=(const FileLog&) = delete;

  std::vector<LoggedFile> files() const;  // so far, by path; twice what had changed in between

  static void note(const std::filesystem::path& path, const FileStamp& stamp, bool opened);

 private:
  std::vector<LoggedFile> files_;
  FileLog* outer_;  // which is told nothing meanwhile
};

}  // namespace berth::base
