#include "loaders/zip.hpp"

#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "base/little_endian.hpp"

namespace berth::loaders {
namespace {

constexpr std::size_t kMaxEntries = 1'000'000;
constexpr std::uint64_t kIn64 = 0xFFFFFFFF;  // a 32-bit field that says: see the 64-bit one
constexpr std::size_t kEndBytes = 22;        // of the record that closes an archive, without its comment
constexpr std::size_t kEntryBytes = 46;      // of an entry in the directory, without its name
constexpr std::size_t kLocalBytes = 30;      // of the header before an entry's content, without its name

class Archive {
 public:
  Archive(std::span<const std::byte> bytes, const std::string& label) : bytes_(bytes), label_(label) {}

  std::vector<ZipEntry> read() {
    find_directory();
    std::vector<ZipEntry> entries;
    std::uint64_t at = directory_;
    for (std::uint64_t i = 0; i < count_; ++i) {
      if (number(at, 4) != 0x02014b50) refuse("entry " + std::to_string(i) + " of its directory is damaged");
      const std::uint64_t name_bytes = number(at + 28, 2);
      const std::uint64_t extra_bytes = number(at + 30, 2);
      const std::uint64_t comment_bytes = number(at + 32, 2);
      const std::string_view name = text(at + kEntryBytes, name_bytes);
      entries.push_back(entry(at, name, at + kEntryBytes + name_bytes, extra_bytes));
      at += kEntryBytes + name_bytes + extra_bytes + comment_bytes;
    }
    return entries;
  }

 private:
  [[noreturn]] void refuse(const std::string& problem) const {
    throw base::Error(base::ErrorCode::corrupt_file, label_ + ": the zip archive " + problem + ": it is cut short or damaged");
  }

  void need(std::uint64_t at, std::uint64_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) refuse("goes on beyond the end of the file (" + std::to_string(bytes_.size()) + " bytes)");
  }

  // `size` bytes from `at` as a little-endian number.
  std::uint64_t number(std::uint64_t at, std::size_t size) const { return base::little_endian(text(at, size)); }

  std::string_view text(std::uint64_t at, std::uint64_t size) const {
    need(at, size);
    return {reinterpret_cast<const char*>(bytes_.data()) + at, static_cast<std::size_t>(size)};
  }

  // Where the record is that closes the archive: at its end, but for a comment of up to 64 KiB.
  std::uint64_t find_end() const {
    if (bytes_.size() >= kEndBytes) {
      const std::size_t last = bytes_.size() - kEndBytes;
      for (std::size_t comment = 0; comment <= std::min<std::size_t>(last, 0xFFFF); ++comment)
        if (number(last - comment, 4) == 0x06054b50) return last - comment;
    }
    refuse("has no directory");
  }

  void find_directory() {
    const std::uint64_t end = find_end();
    count_ = number(end + 10, 2);
    directory_ = number(end + 16, 4);
    if (end >= 20 && number(end - 20, 4) == 0x07064b50) {  // the locator of the 64-bit record
      const std::uint64_t record = number(end - 20 + 8, 8);
      if (number(record, 4) != 0x06064b50) refuse("has no directory");
      count_ = number(record + 32, 8);
      directory_ = number(record + 48, 8);
    }
    if (count_ > kMaxEntries || directory_ > bytes_.size()) refuse("has an impossible directory");
  }

  // The 64-bit forms of fields, in the order they come, from the extra field of kind 1.
  class Extra64 {
   public:
    Extra64(const Archive& archive, std::uint64_t at, std::uint64_t size) : archive_(archive) {
      archive.need(at, size);
      for (std::uint64_t left = size; left >= 4;) {
        const std::uint64_t part = archive.number(at + 2, 2);
        if (part > left - 4) break;
        if (archive.number(at, 2) == 1) {
          at_ = at + 4;
          left_ = part;
          break;
        }
        at += 4 + part;
        left -= 4 + part;
      }
    }

    std::uint64_t instead_of(std::uint64_t value) {
      if (value != kIn64) return value;
      if (left_ < 8) archive_.refuse("has an entry without its 64-bit size");
      const std::uint64_t number = archive_.number(at_, 8);
      at_ += 8;
      left_ -= 8;
      return number;
    }

   private:
    const Archive& archive_;
    std::uint64_t at_ = 0;
    std::uint64_t left_ = 0;
  };

  ZipEntry entry(std::uint64_t at, std::string_view name, std::uint64_t extra, std::uint64_t extra_bytes) const {
    const auto unsupported = [&](const char* how) {
      throw base::Error(base::ErrorCode::unsupported, label_ + ": entry " + base::quoted(name, 200) + " of the zip archive is " + how);
    };
    if ((number(at + 8, 2) & 1) != 0) unsupported("encrypted");
    if (number(at + 10, 2) != 0) unsupported("compressed, which PyTorch's are not");
    Extra64 extra64(*this, extra, extra_bytes);
    const std::uint64_t size = extra64.instead_of(number(at + 24, 4));
    if (extra64.instead_of(number(at + 20, 4)) != size) refuse("has an entry of two sizes");
    const std::uint64_t local = extra64.instead_of(number(at + 42, 4));
    if (number(local, 4) != 0x04034b50) refuse("lacks entry " + base::quoted(name, 200));
    const std::uint64_t begin = local + kLocalBytes + number(local + 26, 2) + number(local + 28, 2);
    need(begin, size);
    return {name, begin, begin + size};
  }

  std::span<const std::byte> bytes_;
  const std::string& label_;
  std::uint64_t directory_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace

std::vector<ZipEntry> read_zip(std::span<const std::byte> archive, const std::string& label) { return Archive(archive, label).read(); }

}  // namespace berth::loaders
