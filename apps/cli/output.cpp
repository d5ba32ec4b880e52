#include "apps/cli/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "apps/cli/errors.hpp"

namespace berth::cli {
namespace {
constexpr std::size_t kBufferBytes = std::size_t{256} << 10;
}

Output::Output(bool json, bool table) : terminal_(::isatty(STDOUT_FILENO) == 1), people_(table || (terminal_ && !json)) {
  winsize size{};
  if (terminal_ && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) columns_ = size.ws_col;
}

void Output::write(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= kBufferBytes) flush();
}

void Output::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE) throw OutputClosed{};
      throw DataError(std::string("standard output: cannot write: ") + std::strerror(errno));
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
}

}  // namespace berth::cli
