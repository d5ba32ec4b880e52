#include "apps/cli/csv.hpp"

#include <utility>

namespace berth::cli {

void CsvRecord::clear() {
  fields_.clear();
  raw_.clear();
  problem_.clear();
  at_ = At::field_start;
}

CsvRecord::State CsvRecord::fail(std::string problem) {
  problem_ = "field " + std::to_string(fields_.size()) + ": " + std::move(problem);
  return State::bad;
}

void CsvRecord::add_break(std::string_view line_break) {
  raw_ += line_break;
  fields_.back() += line_break;
}

CsvRecord::State CsvRecord::add_line(std::string_view line) {
  const bool quotes = delimiter_ == ',';
  if (at_ != At::quoted) fields_.emplace_back();
  raw_ += line;
  for (const char c : line) {
    if (at_ == At::quoted) {
      if (c == '"') {
        at_ = At::closing_quote;
      } else {
        fields_.back() += c;
      }
    } else if (c == delimiter_) {
      fields_.emplace_back();
      at_ = At::field_start;
    } else if (at_ == At::closing_quote) {
      if (c != '"') return fail("a closing quotation mark is followed by something else than a comma");
      fields_.back() += c;  // two of them stand for one
      at_ = At::quoted;
    } else if (quotes && c == '"') {
      if (at_ != At::field_start) return fail("a quotation mark within a field that is not quoted");
      at_ = At::quoted;
    } else {
      fields_.back() += c;
      at_ = At::plain;
    }
  }
  return at_ == At::quoted ? State::open : State::complete;
}

std::string_view kept_out_of_tsv(std::string_view field) {
  const std::size_t found = field.find_first_of("\t\r\n");
  if (found == std::string_view::npos) return "";
  return field[found] == '\t' ? "a tab" : "a line break";
}

void append_field(std::string& out, std::string_view field, char delimiter) {
  if (delimiter == '\t') {
    for (const char c : field) out += c == '\t' || c == '\n' || c == '\r' ? ' ' : c;
    return;
  }
  if (field.find_first_of("\",\r\n") == std::string_view::npos) {
    out += field;
    return;
  }
  out += '"';
  for (const char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace berth::cli
