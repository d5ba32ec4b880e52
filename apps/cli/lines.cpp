#include "apps/cli/lines.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "apps/cli/errors.hpp"
#include "apps/cli/interrupts.hpp"
#include "base/byte_order_mark.hpp"
#include "base/error.hpp"

namespace berth::cli {
namespace {

using base::kByteOrderMark;

constexpr std::size_t kReadBytes = std::size_t{64} << 10;

std::string reason() { return std::strerror(errno); }

bool is_blank(char byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r' || byte == '\v' || byte == '\f'; }

// Files that are not text as it is read here, by how they begin. None of these is valid UTF-8, but a later line may be: half of UTF-16 is NUL.
void refuse_other_kinds(std::string_view first_line, const std::string& name) {
  struct Kind {
    std::string_view begin;
    const char* what;
  };
  static constexpr Kind kKinds[] = {{"\xFF\xFE", "UTF-16, UTF-8 is needed (iconv -f UTF-16 -t UTF-8 makes it)"},
                                    {"\xFE\xFF", "UTF-16, UTF-8 is needed (iconv -f UTF-16 -t UTF-8 makes it)"},
                                    {"\x1F\x8B", "compressed; zcat FILE | berth ... reads it"},
                                    {"\x28\xB5\x2F\xFD", "compressed; zstdcat FILE | berth ... reads it"}};
  for (const Kind& kind : kKinds)
    if (first_line.starts_with(kind.begin)) throw DataError(name + ": is " + kind.what);
}

}  // namespace

LineReader::LineReader(const std::string& path) : name_(path == "-" ? "standard input" : base::printable(path)) {
  fd_ = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) throw DataError(name_ + ": cannot open: " + reason());
  struct stat status {};
  if (::fstat(fd_, &status) != 0) return;
  if (S_ISDIR(status.st_mode)) {
    if (fd_ != STDIN_FILENO) ::close(fd_);
    throw DataError(name_ + ": is a directory, a file of texts is needed");
  }
  if (S_ISREG(status.st_mode)) total_ = static_cast<std::uint64_t>(status.st_size);
}

LineReader::~LineReader() {
  if (fd_ != STDIN_FILENO) ::close(fd_);
}

bool LineReader::fill(Wait wait) {
  if (end_) return false;
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() > kMaxLineBytes)
    throw LongLine(name_ + ": line " + std::to_string(line_ + 1) + ": longer than " + std::to_string(kMaxLineBytes >> 20) + " MiB");
  if (wait == Wait::no) {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, 0) == 0) return false;
  }
  const std::size_t size = buffer_.size();
  buffer_.resize(size + kReadBytes);
  ssize_t got = 0;
  do {
    got = ::read(fd_, buffer_.data() + size, kReadBytes);
  } while (got < 0 && errno == EINTR && interrupted() == 0);
  const int error = errno;
  buffer_.resize(size + static_cast<std::size_t>(got > 0 ? got : 0));
  if (got < 0 && error == EINTR) return false;
  errno = error;
  if (got < 0) throw DataError(name_ + ": cannot read: " + reason());
  end_ = got == 0;
  return got > 0;
}

void LineReader::skip_to(std::uint64_t bytes, std::uint64_t lines) {
  if (total_ > 0 && bytes <= total_ && ::lseek(fd_, static_cast<off_t>(bytes), SEEK_SET) >= 0) {
    buffer_.clear();
    begin_ = scanned_ = 0;
    end_ = false;
    consumed_ = bytes;
  }
  while (consumed_ < bytes) {
    if (begin_ == buffer_.size() && !fill(Wait::yes))
      throw DataError(name_ + ": has " + std::to_string(consumed_) + " bytes, but " + std::to_string(bytes) +
                      " were read before: it is not the input of that run");
    const std::uint64_t some = std::min<std::uint64_t>(bytes - consumed_, buffer_.size() - begin_);
    begin_ += static_cast<std::size_t>(some);
    consumed_ += some;
  }
  scanned_ = begin_;
  line_ = lines;
}

std::optional<char> LineReader::peek_non_blank() {
  std::size_t at = begin_;
  do {
    if (at == begin_ && buffer_.size() - at >= kByteOrderMark.size() && std::string_view(buffer_).substr(at).starts_with(kByteOrderMark))
      at += kByteOrderMark.size();
    for (; at < buffer_.size(); ++at)
      if (!is_blank(buffer_[at])) {
        // A mark that has only partly arrived is not yet a byte of text.
        if (at == begin_ && buffer_.size() - at < kByteOrderMark.size() && kByteOrderMark.starts_with(std::string_view(buffer_).substr(at))) break;
        return buffer_[at];
      }
  } while (fill(Wait::yes));
  if (at < buffer_.size()) return buffer_[at];
  return std::nullopt;
}

std::optional<std::string_view> LineReader::next(Wait wait) {
  for (;;) {
    const std::size_t newline = buffer_.find('\n', scanned_);
    const bool found = newline != std::string::npos;
    if (!found) {
      scanned_ = buffer_.size();
      if (fill(wait)) continue;
      if (!end_ || begin_ == buffer_.size()) return std::nullopt;
    }
    const std::size_t stop = found ? newline : buffer_.size();
    std::string_view line(buffer_.data() + begin_, stop - begin_);
    line_break_ = found ? "\n" : "";
    if (found && line.ends_with('\r')) {
      line.remove_suffix(1);
      line_break_ = "\r\n";
    }
    const std::size_t taken = stop - begin_ + (found ? 1 : 0);
    begin_ += taken;
    scanned_ = begin_;
    consumed_ += taken;
    ++line_;
    if (line_ == 1) {
      refuse_other_kinds(line, name_);
      if (!found && line == kByteOrderMark) continue;  // and that is all: as empty as a file without it
      line = base::without_byte_order_mark(line);
    }
    return line;
  }
}

bool LineReader::skip_line() {
  for (;;) {
    const std::size_t newline = buffer_.find('\n', begin_);
    const std::size_t stop = newline == std::string::npos ? buffer_.size() : newline + 1;
    consumed_ += stop - begin_;
    std::string(buffer_, stop).swap(buffer_);  // which gives back the memory of the long line
    begin_ = scanned_ = 0;
    if (newline != std::string::npos || (!fill(Wait::yes) && end_)) break;
    if (buffer_.empty()) return false;
  }
  ++line_;
  return true;
}

}  // namespace berth::cli
