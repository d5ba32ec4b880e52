// The texts a command works on: arguments, lines of plain text, or JSON Lines, read a chunk at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <berth/berth.hpp>

#include "apps/cli/lines.hpp"

namespace berth::cli {

enum class InputFormat { automatic, lines, jsonl };

// One line of input. Text, text with a second text, or token ids used as they are.
struct Record {
  std::string where;  // "reviews.txt: line 3", "argument 2": for messages
  std::string text;
  std::optional<std::string> text_pair;
  std::optional<std::vector<std::int32_t>> ids;
  std::vector<std::int32_t> type_ids;  // empty, or as many as ids

  std::size_t bytes() const noexcept;
  Input input() const;  // borrows from this record
};

// How much is taken at a time: enough to fill batches, little enough to bound memory.
struct ChunkLimits {
  std::size_t rows = 1024;
  std::size_t bytes = std::size_t{1} << 20;
};

class Source {
 public:
  explicit Source(std::vector<std::string> arguments);
  Source(const std::string& path, InputFormat format);  // "-": standard input

  // Replaces `records` by the next ones, at least one; false at the end. A chunk also ends where more input would have to be waited for, so that
  // a slow writer sees its answers. Throws DataError naming the line that is not valid, once everything before it has been given out.
  bool next_chunk(std::vector<Record>& records, const ChunkLimits& limits);

  std::uint64_t bytes_read() const noexcept { return reader_ ? reader_->bytes_read() : 0; }
  std::uint64_t total_bytes() const noexcept { return reader_ ? reader_->total_bytes() : 0; }

 private:
  std::optional<Record> next(LineReader::Wait wait);

  std::vector<std::string> arguments_;
  std::size_t next_argument_ = 0;
  std::unique_ptr<LineReader> reader_;
  InputFormat format_ = InputFormat::automatic;
  std::exception_ptr failure_;  // met while filling a chunk; thrown when its turn comes
};

}  // namespace berth::cli
