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

#include "apps/cli/csv.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/lines.hpp"

namespace berth::cli {

enum class InputFormat { automatic, lines, jsonl, csv, tsv };

// How far an input has been read.
struct Place {
  std::uint64_t bytes = 0;
  std::uint64_t lines = 0;
};

// What is wrong with one line of the input, or with the record that ends there; the next one may be good.
struct BadLine : DataError {
  BadLine(const std::string& what, Place end_, std::uint64_t line_, bool open_ = false) : DataError(what), end(end_), line(line_), open(open_) {}
  Place end;
  std::uint64_t line;  // where it begins
  bool open;           // it was too long to be read to its end: Source::skip_line() finds that
};

// What a command calls the texts of its JSON lines, and which of them it needs.
struct Fields {
  const char* text = "text";
  const char* pair = "text_pair";
  bool needs_pair = false;
  bool many_pairs = false;         // `pair` is an array of texts, and "ids" may be an array of rows
  bool keeps_line = false;         // records keep the line they were read from
  bool for_tsv = false;            // they are written as TSV, which cannot hold tabs and line breaks within a value
  const char* reserved = nullptr;  // a field that a line may not have: the answer's
  const char* option = "";         // the option that gives the text, so that arguments and plain lines are pairs: "--question"
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
  std::string line;                    // Fields::keeps_line: as it was written
  std::vector<std::string> cells;      // of a CSV or TSV record, where Fields::keeps_line
  Place end;                           // of an input that is read
  std::uint64_t first_line = 0;        // likewise: where it begins

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

  // Finds out the format and reads the header of CSV or TSV: throws DataError where that has no column for the text. next_chunk() does it, too.
  void prepare();
  InputFormat format() const noexcept { return format_; }                        // once that is known; arguments are lines
  const std::vector<std::string>& columns() const noexcept { return columns_; }  // of CSV or TSV; without a header "1", "2", ...
  void set_no_header() noexcept { no_header_ = true; }  // the first record is one like the others, and Fields::text and pair are numbers of columns
  // Goes on where an earlier run stopped.
  void skip_to(const Place& place);

  // Replaces `records` by the next ones, at least one; false at the end. A chunk also ends where more input would have to be waited for, so that
  // a slow writer sees its answers. Throws DataError naming the line that is not valid, once everything before it has been given out.
  bool next_chunk(std::vector<Record>& records, const ChunkLimits& limits);

  // Behind an open BadLine: the place of its end; nothing when a signal came first.
  std::optional<Place> skip_line();

  const std::string& name() const { return reader_->name(); }  // not of arguments
  std::uint64_t bytes_read() const noexcept { return reader_ ? reader_->bytes_read() : 0; }
  std::uint64_t total_bytes() const noexcept { return reader_ ? reader_->total_bytes() : 0; }

 private:
  std::optional<Record> next(LineReader::Wait wait);
  std::optional<std::string_view> next_line(LineReader::Wait wait);
  std::optional<Record> next_csv(LineReader::Wait wait);
  Record csv_record() const;
  void read_columns();
  Record plain_record(std::string text, std::string where) const;

  const Fields* fields_;
  std::optional<std::string> given_;
  std::vector<std::string> arguments_;
  std::size_t next_argument_ = 0;
  std::unique_ptr<LineReader> reader_;
  InputFormat format_ = InputFormat::automatic;
  std::optional<CsvRecord> csv_;
  bool csv_open_ = false;       // a quoted field waits for its next line
  std::uint64_t csv_line_ = 0;  // where the record begins
  std::string csv_break_;       // what ended its last line so far
  std::vector<std::string> columns_;
  std::size_t text_column_ = 0;
  std::optional<std::size_t> pair_column_;
  bool no_header_ = false;
  bool prepared_ = false;
  std::exception_ptr failure_;  // met while filling a chunk; thrown when its turn comes
};

}  // namespace berth::cli
