// Records of comma-separated values (RFC 4180), and of values separated by tabs, in which nothing is quoted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace berth::cli {

// One record, put together from its lines: a quoted field may hold line breaks.
class CsvRecord {
 public:
  // With ',' fields may be quoted; with '\t' quotation marks are characters like any other.
  explicit CsvRecord(char delimiter) : delimiter_(delimiter) {}

  enum class State { complete, open, bad };
  // The next line without its end; the first begins the record. open: a quoted field goes on in the next line. bad: see problem(); the line after that
  // may begin another record.
  State add_line(std::string_view line);
  // The line break that add_line() left open.
  void add_break(std::string_view line_break);
  void clear();

  const std::vector<std::string>& fields() const noexcept { return fields_; }
  const std::string& raw() const noexcept { return raw_; }  // as it was written
  const std::string& problem() const noexcept { return problem_; }

 private:
  enum class At { field_start, plain, quoted, closing_quote };
  State fail(std::string problem);

  char delimiter_;
  At at_ = At::field_start;
  std::vector<std::string> fields_;
  std::string raw_;
  std::string problem_;
};

// What a field has that TSV cannot hold: "a tab" or "a line break"; empty: nothing.
std::string_view kept_out_of_tsv(std::string_view field);

// Appends a field as RFC 4180 has it: quoted where it needs to be. With '\t' what cannot be written there (tabs, line breaks) becomes a blank: of what
// is kept of the input it was refused before.
void append_field(std::string& out, std::string_view field, char delimiter);

}  // namespace berth::cli
