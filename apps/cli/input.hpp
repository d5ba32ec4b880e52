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

// What a command calls the texts of its JSON lines, and which of them it needs.
struct Fields {
  const char* text = "text";
  const char* pair = "text_pair";
  bool needs_pair = false;
  bool many_pairs = false;  // `pair` is an array of texts, and "ids" may be an array of rows
  bool keeps_line = false;  // records keep the line they were read from
  const char* option = "";  // the option that gives the text, so that arguments and plain lines are pairs: "--question"
};
inline constexpr Fields kTextFields{};

// One line of input. Text, text with a second text, or token ids used as they are.
struct Record {
  const Fields* fields = &kTextFields;
  std::string where;  // "reviews.txt: line 3", "argument 2": for messages
  std::string text;
  std::optional<std::string> text_pair;
  std::optional<std::vector<std::int32_t>> ids;
  std::vector<std::int32_t> type_ids;  // empty, or as many as ids
  std::string line;                    // Fields::keeps_line

  // Fields::many_pairs, instead of text_pair and ids:
  std::vector<std::string> texts;
  std::vector<std::vector<std::int32_t>> id_rows;
  std::vector<std::vector<std::int32_t>> type_rows;  // as many as id_rows

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
  // `fields` outlives the source and its records; `given` is the value of Fields::option.
  explicit Source(std::vector<std::string> arguments, const Fields& fields = kTextFields, std::optional<std::string> given = {});
  Source(const std::string& path, InputFormat format, const Fields& fields = kTextFields, std::optional<std::string> given = {});  // "-": standard input

  // Replaces `records` by the next ones, at least one; false at the end. A chunk also ends where more input would have to be waited for, so that
  // a slow writer sees its answers. Throws DataError naming the line that is not valid, once everything before it has been given out.
  bool next_chunk(std::vector<Record>& records, const ChunkLimits& limits);

  std::uint64_t bytes_read() const noexcept { return reader_ ? reader_->bytes_read() : 0; }
  std::uint64_t total_bytes() const noexcept { return reader_ ? reader_->total_bytes() : 0; }

 private:
  std::optional<Record> next(LineReader::Wait wait);
  Record plain_record(std::string text, std::string where) const;

  const Fields* fields_;
  std::optional<std::string> given_;
  std::vector<std::string> arguments_;
  std::size_t next_argument_ = 0;
  std::unique_ptr<LineReader> reader_;
  InputFormat format_ = InputFormat::automatic;
  std::exception_ptr failure_;  // met while filling a chunk; thrown when its turn comes
};

}  // namespace berth::cli
