// Standard output: buffered, every failure noticed.
#pragma once

#include <string>
#include <string_view>

namespace berth::cli {

class Output {
 public:
  // `json` is the user's --json, `table` --table; without either the kind of standard output decides.
  Output(bool json, bool table);

  // Whether people read this: text in columns. Otherwise one JSON object per line.
  bool people() const noexcept { return people_; }
  bool terminal() const noexcept { return terminal_; }
  int columns() const noexcept { return columns_; }  // of the terminal; 100 when there is none

  void write(std::string_view text);
  // Hands everything to the operating system. Throws OutputClosed when the reader went away, DataError when the output cannot be written (disk full).
  void flush();

 private:
  bool terminal_ = false;
  bool people_ = false;
  int columns_ = 100;
  std::string buffer_;
};

}  // namespace berth::cli
