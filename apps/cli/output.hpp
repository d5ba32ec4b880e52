// Standard output or a file: buffered, every failure noticed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace berth::cli {

class Output {
 public:
  // Standard output. `json` is the user's --json, `table` --table; without either the kind of standard output decides.
  Output(bool json, bool table);
  // A file, which becomes empty, or keeps its first `kept` bytes; never for people. Throws DataError where it cannot be opened or is shorter.
  explicit Output(const std::string& path, std::uint64_t kept = 0);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Whether people read this: text in columns. Otherwise one JSON object per line.
  bool people() const noexcept { return people_; }
  bool terminal() const noexcept { return terminal_; }
  int columns() const noexcept { return columns_; }  // of the terminal; 100 when there is none
  bool regular_file() const noexcept { return regular_; }

  void write(std::string_view text);
  // Hands everything to the operating system. Throws OutputClosed when the reader went away, DataError when the output cannot be written (disk full).
  void flush();
  std::uint64_t flushed() const noexcept { return flushed_; }  // bytes that are in the file
  // Of a file: replaces bytes that are there already; and has the system put all of it on the disk. Throw DataError.
  void overwrite(std::uint64_t offset, std::string_view text);
  void sync();
  void cut(std::uint64_t kept);  // forgets what is behind these bytes, and what was not handed over

 private:
  [[noreturn]] void fail() const;

  std::string name_ = "standard output";
  int fd_;
  bool terminal_ = false;
  bool people_ = false;
  bool regular_ = false;
  int columns_ = 100;
  std::uint64_t flushed_ = 0;
  std::uint64_t started_ = 0;  // so far the disk has been asked to write
  std::string buffer_;
};

}  // namespace berth::cli
