// Lines from a file descriptor, one at a time, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "apps/cli/errors.hpp"

namespace berth::cli {

// A line that is too long to be held. The input goes on behind skip_line().
struct LongLine : DataError {
  using DataError::DataError;
};

class LineReader {
 public:
  // A line this long is not text anyone meant to embed; holding it would break the promise of bounded memory.
  static constexpr std::size_t kMaxLineBytes = std::size_t{64} << 20;

  // `name` is what messages call the input. The path "-" is standard input. Throws DataError when it cannot be opened.
  explicit LineReader(const std::string& path);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // The first byte that is neither white space nor a byte order mark, read ahead without consuming anything; nullopt when there is none.
  std::optional<char> peek_non_blank();

  enum class Wait { yes, no };
  // The next line without its "\n" or "\r\n", the first one without a byte order mark, valid until the next call; nullopt at the end of the input, when a signal came (interrupts.hpp) or, with
  // Wait::no, when the rest of the line has not arrived yet. The last line needs no "\n". Throws DataError when reading fails or the input is UTF-16 or compressed, LongLine.
  std::optional<std::string_view> next(Wait wait);
  // Drops the rest of the line that next() met as a LongLine, in little memory; false when a signal came before its end.
  bool skip_line();

  // What ended the line that next() gave last: "\n", "\r\n", or "" for a last line without.
  std::string_view line_break() const noexcept { return line_break_; }
  bool ended() const noexcept { return end_ && begin_ == buffer_.size(); }  // nothing is left of the input
  // Goes on behind the first `bytes` bytes, of which `lines` lines are made. Not before what has been given out. Throws DataError where there are fewer.
  void skip_to(std::uint64_t bytes, std::uint64_t lines);

  const std::string& name() const noexcept { return name_; }
  std::uint64_t line() const noexcept { return line_; }            // number of the line that next() gave last, from 1
  std::uint64_t bytes_read() const noexcept { return consumed_; }  // of the lines given so far
  std::uint64_t total_bytes() const noexcept { return total_; }    // 0 when unknown: a pipe, a terminal

 private:
  bool fill(Wait wait);  // false: nothing was added (end of input, or it would have to wait)

  std::string name_;
  int fd_ = -1;
  std::string buffer_;
  std::size_t begin_ = 0;    // first byte of the buffer that has not been given out
  std::size_t scanned_ = 0;  // no '\n' before this byte
  bool end_ = false;
  std::string_view line_break_;
  std::uint64_t line_ = 0;
  std::uint64_t consumed_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace berth::cli
