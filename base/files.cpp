#include "base/files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/error.hpp"
#include "base/file_log.hpp"
#include "base/utf8.hpp"

namespace berth::base {
namespace {

namespace fs = std::filesystem;

std::string reason(int error) { return std::generic_category().message(error); }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void throw_not_regular(const fs::path& path, mode_t mode) {
  const char* kind = S_ISDIR(mode) ? "a directory" : S_ISFIFO(mode) ? "a named pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
  throw Error(ErrorCode::corrupt_file, display(path) + ": expected a regular file, this is " + kind);
}

// not_found with the reason; a link that leads nowhere is named as such, since a copied hub cache is full of them.
[[noreturn]] void throw_unreadable(const fs::path& path, int error) {
  std::string message = display(path) + ": " + reason(error);
  if (error == ENOENT) {
    std::error_code ignored;
    const fs::path target = fs::read_symlink(path, ignored);
    if (!target.empty()) message += ": it is a symbolic link to " + base::quoted(target.native(), 300) + ", which does not exist";
  }
  throw Error(error == ENOMEM ? ErrorCode::out_of_memory : ErrorCode::not_found, std::move(message));
}

// Opens a regular file. Its kind is checked before open, which would wait on a named pipe and may act on a device, and again after, since
// the name may lead elsewhere by then; O_NONBLOCK keeps even that from hanging.
Descriptor open_regular(const fs::path& path, std::uint64_t& size) {
  struct stat status = {};
  if (path.native().find('\0') != std::string::npos) throw Error(ErrorCode::not_found, display(path) + ": the name contains a NUL byte");
  if (::stat(path.c_str(), &status) != 0) throw_unreadable(path, errno);
  if (!S_ISREG(status.st_mode)) throw_not_regular(path, status.st_mode);
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) throw_unreadable(path, errno);
  if (!S_ISREG(status.st_mode)) throw_not_regular(path, status.st_mode);
  size = static_cast<std::uint64_t>(status.st_size);
  FileLog::note(path, FileStamp(status), true);
  return file;
}

// Reads until `size` bytes or the end of the file; returns how many there were.
std::size_t read_all(int fd, char* out, std::size_t size, const fs::path& path) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(fd, out + done, std::min(size - done, std::size_t{1} << 30));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_unreadable(path, errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

}  // namespace

std::string display(const fs::path& path) { return printable(path.native()); }

std::string read_file(const fs::path& path, std::size_t max_bytes) {
  std::uint64_t size = 0;
  const Descriptor file = open_regular(path, size);
  if (size > max_bytes) {
    throw Error(ErrorCode::corrupt_file, display(path) + ": the file has " + std::to_string(size) + " bytes, the limit is " + std::to_string(max_bytes));
  }
  std::string text(static_cast<std::size_t>(size), '\0');
  text.resize(read_all(file.get(), text.data(), text.size(), path));
  return text;
}

bool file_exists(const fs::path& path) {
  struct stat status = {};
  if (path.native().find('\0') != std::string::npos) return false;
  if (::stat(path.c_str(), &status) != 0) {
    const int error = errno;
    std::error_code ignored;
    const bool absent = (error == ENOENT || error == ENOTDIR) && fs::symlink_status(path, ignored).type() != fs::file_type::symlink;
    if (!absent) throw_unreadable(path, error);
    FileLog::note(path, FileStamp(), false);
    return false;
  }
  FileLog::note(path, FileStamp(status), false);
  if (!S_ISREG(status.st_mode)) throw_not_regular(path, status.st_mode);
  if (::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0) throw_unreadable(path, errno);
  return true;
}

fs::path join_checked(const fs::path& directory, std::string_view name, const std::string& label) {
  const auto refuse = [&](const char* problem) { throw Error(ErrorCode::corrupt_file, label + ": the name " + base::quoted(name, 300) + " " + problem); };
  if (name.empty()) refuse("is empty");
  if (name.front() == '/') refuse("is absolute; names must lie inside the directory");
  if (name.find('\0') != std::string_view::npos) refuse("contains a NUL byte");
  if (name.find('\\') != std::string_view::npos) refuse("contains a backslash");
  std::string_view rest = name;
  if (rest.back() == '/') rest.remove_suffix(1);
  while (true) {
    const std::size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    if (segment.empty() || segment == ".") refuse("has an empty or \".\" segment");
    if (segment == "..") refuse("contains \"..\"; names must lie inside the directory");
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  return directory / fs::path(name.back() == '/' ? name.substr(0, name.size() - 1) : name);
}

void reject_impostor(std::string_view head, const std::string& label) {
  const auto refuse = [&](const char* what) { throw Error(ErrorCode::corrupt_file, label + ": " + what); };
  if (head.starts_with("version https://git-lfs")) {
    refuse("this is a Git LFS pointer, not the file it stands for; run \"git lfs pull\" in the model's repository, or download the file itself");
  }
  if (head.starts_with("GGUF")) refuse("this is a GGUF file, which berth does not read");
  if (head.starts_with("\x89HDF\r\n")) refuse("this is an HDF5 (TensorFlow) file, which berth does not read");
  std::string_view text = head;
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n' || text.front() == '\r' || text.front() == '\t')) text.remove_prefix(1);
  const std::string begin = lower_ascii(text.substr(0, 16));
  if (begin.starts_with("<!doctype") || begin.starts_with("<html") || begin.starts_with("<?xml")) {
    refuse("this is an HTML or XML page, not the file it should be: the download failed or needed a login");
  }
  // A safetensors file opens with its header's length, and some lengths read as the start of an archive or a pickle. No permitted one reaches byte 4.
  const bool permitted = head.size() >= 8 && head.substr(4, 4) == std::string_view("\0\0\0\0", 4);
  const bool safetensors = permitted && head.size() > 8 && head[8] == '{';
  if (head.starts_with("PK\x03\x04") && !safetensors)
    refuse("this is a zip archive (a PyTorch checkpoint? that would be pytorch_model.bin), not the file that its name says");
  if (permitted) return;
  if (head.size() >= 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5) {
    refuse("this is a Python pickle (a PyTorch checkpoint? that would be pytorch_model.bin), not the file that its name says");
  }
}

MappedFile::MappedFile(const fs::path& path, FileAccess access) {
  std::uint64_t size = 0;
  const Descriptor file = open_regular(path, size);
  if (size == 0) return;
  size_ = static_cast<std::size_t>(size);
  if (access == FileAccess::copy) {
    copy_ = AlignedBuffer<std::byte>(size_);
    if (read_all(file.get(), reinterpret_cast<char*>(copy_.data()), size_, path) != size_) {
      throw Error(ErrorCode::corrupt_file, display(path) + ": the file became shorter than " + std::to_string(size_) + " bytes while it was read");
    }
    data_ = copy_.data();
    return;
  }
  void* map = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (map == MAP_FAILED) throw_unreadable(path, errno);
  map_ = map;
  watch_ = LostPagesWatch(map, size_);
  data_ = static_cast<const std::byte*>(map);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : map_(std::exchange(other.map_, nullptr)),
      watch_(std::move(other.watch_)),
      copy_(std::move(other.copy_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(map_, other.map_);
  std::swap(watch_, other.watch_);
  copy_ = std::move(other.copy_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  watch_ = {};  // before anybody else's pages may be there
  if (map_ != nullptr) ::munmap(map_, size_);
}

void MappedFile::release_pages(std::span<const std::byte> part) const noexcept {
  if (map_ == nullptr || part.empty()) return;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto offset = static_cast<std::size_t>(part.data() - data_);
  const std::size_t begin = (offset + page - 1) / page * page;
  std::size_t end = offset + part.size();
  if (end < size_) end = end / page * page;  // the file's last page is nobody else's
  if (end > begin) ::madvise(static_cast<char*>(map_) + begin, end - begin, MADV_DONTNEED);
}

}  // namespace berth::base
