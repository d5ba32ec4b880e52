#include "apps/cli/output.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "apps/cli/errors.hpp"

namespace berth::cli {
namespace {
constexpr std::size_t kBufferBytes = std::size_t{256} << 10;
constexpr std::uint64_t kStartWritingBytes = std::uint64_t{1} << 20;
}  // namespace

Output::Output(bool json, bool table) : fd_(STDOUT_FILENO), terminal_(::isatty(STDOUT_FILENO) == 1), people_(table || (terminal_ && !json)) {
  winsize size{};
  if (terminal_ && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) columns_ = size.ws_col;
}

Output::Output(const std::string& path, std::uint64_t kept)
    : name_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)), flushed_(kept), started_(kept) {
  struct stat status {};
  if (fd_ < 0 || ::fstat(fd_, &status) != 0) throw DataError(path + ": cannot open for writing: " + std::strerror(errno));
  regular_ = S_ISREG(status.st_mode);
  if (!regular_) return;
  if (static_cast<std::uint64_t>(status.st_size) < kept) {
    ::close(fd_);
    throw DataError(path + ": has " + std::to_string(status.st_size) + " bytes, but " + std::to_string(kept) +
                    " were written: it was changed, and the run cannot go on");
  }
  if (::ftruncate(fd_, static_cast<off_t>(kept)) != 0 || ::lseek(fd_, 0, SEEK_END) < 0) {
    const std::string reason = std::strerror(errno);
    ::close(fd_);
    throw DataError(path + ": cannot write: " + reason);
  }
}

Output::~Output() {
  if (fd_ != STDOUT_FILENO) ::close(fd_);
}

void Output::fail() const {
  if (errno == EPIPE) throw OutputClosed{};
  throw DataError(name_ + ": cannot write: " + std::strerror(errno));
}

void Output::write(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= kBufferBytes) flush();
}

void Output::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      buffer_.erase(0, buffer_.size() - rest.size());
      fail();
    }
    flushed_ += static_cast<std::uint64_t>(written);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
  // The disk begins now, so that sync() has little left to wait for. That it may not know how is no error.
  if (regular_ && flushed_ - started_ >= kStartWritingBytes) {
    ::sync_file_range(fd_, static_cast<off_t>(started_), static_cast<off_t>(flushed_ - started_), SYNC_FILE_RANGE_WRITE);
    started_ = flushed_;
  }
}

void Output::overwrite(std::uint64_t offset, std::string_view text) {
  if (::pwrite(fd_, text.data(), text.size(), static_cast<off_t>(offset)) != static_cast<ssize_t>(text.size())) fail();
}

void Output::cut(std::uint64_t kept) {
  buffer_.clear();
  if (::ftruncate(fd_, static_cast<off_t>(kept)) != 0 || ::lseek(fd_, static_cast<off_t>(kept), SEEK_SET) < 0) fail();
  flushed_ = started_ = kept;
}

void Output::sync() {
  if (regular_ && ::fdatasync(fd_) != 0) fail();
}

}  // namespace berth::cli
