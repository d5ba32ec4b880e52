#include "apps/cli/input.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "apps/cli/csv.hpp"
#include "apps/cli/errors.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/utf8.hpp"

namespace berth::cli {
namespace {

void check_utf8(std::string_view text, const std::string& where) {
  const std::size_t bad = base::find_invalid_utf8(text);
  if (bad != std::string_view::npos) throw DataError(where + ": invalid UTF-8 at byte " + std::to_string(bad + 1));
}

bool has(const base::Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && !found->is_null();
}

std::string string_field(const base::Json& object, const char* key, const std::string& where) {
  const base::Json& value = object.at(key);
  if (!value.is_string()) throw DataError(where + ": field \"" + key + "\": expected a string, got " + base::quoted(value.dump()));
  return value.get<std::string>();
}

std::vector<std::int32_t> integers(const base::Json& value, const char* key, const std::string& where) {
  const auto fail = [&](const base::Json& got) -> DataError {
    return DataError(where + ": field \"" + key + "\": expected an array of integers from 0 to 2147483647, got " + base::quoted(got.dump()));
  };
  if (!value.is_array()) throw fail(value);
  std::vector<std::int32_t> result;
  result.reserve(value.size());
  for (const base::Json& element : value) {
    // Non-negative integers are "unsigned" to the parser; anything else is negative, fractional or not a number.
    if (!element.is_number_unsigned() || element.get<std::uint64_t>() > std::numeric_limits<std::int32_t>::max()) throw fail(element);
    result.push_back(element.get<std::int32_t>());
  }
  return result;
}

std::vector<std::string> strings_field(const base::Json& object, const char* key, const std::string& where) {
  const base::Json& value = object.at(key);
  std::vector<std::string> result;
  const auto fail = [&](const base::Json& got) {
    return DataError(where + ": field \"" + key + "\": expected an array of strings, got " + base::quoted(got.dump()));
  };
  if (!value.is_array()) throw fail(value);
  for (const base::Json& element : value) {
    if (!element.is_string()) throw fail(element);
    result.push_back(element.get<std::string>());
  }
  return result;
}

void check_type_ids(std::size_t types, std::size_t ids, const std::string& where) {
  if (types == ids) return;
  throw DataError(where + ": \"type_ids\" has " + std::to_string(types) + " entries, \"ids\" has " + std::to_string(ids));
}

// "ids" of Fields::many_pairs: one row, or an array of rows.
void read_id_rows(const base::Json& object, Record& record, const std::string& where) {
  const base::Json& ids = object.at("ids");
  const bool one = !ids.is_array() || ids.empty() || !ids.front().is_array();
  const bool typed = has(object, "type_ids");
  if (one) {
    record.id_rows.push_back(integers(ids, "ids", where));
    record.type_rows.push_back(typed ? integers(object.at("type_ids"), "type_ids", where) : std::vector<std::int32_t>());
  } else {
    for (const base::Json& row : ids) record.id_rows.push_back(integers(row, "ids", where));
    record.type_rows.resize(record.id_rows.size());
    if (typed) {
      const base::Json& types = object.at("type_ids");
      check_type_ids(types.is_array() ? types.size() : 0, ids.size(), where);
      for (std::size_t i = 0; i < types.size(); ++i) record.type_rows[i] = integers(types[i], "type_ids", where);
    }
  }
  for (std::size_t i = 0; typed && i < record.id_rows.size(); ++i) check_type_ids(record.type_rows[i].size(), record.id_rows[i].size(), where);
}

// `what` names the value. Throws DataError, without the place.
void check_for_tsv(std::string_view value, const std::string& what) {
  const std::string_view kept = kept_out_of_tsv(value);
  if (!kept.empty()) throw DataError(what + " has " + std::string(kept) + ", which TSV cannot hold; --output-format csv or jsonl can");
}

Record parse_record(std::string_view line, std::string where, const Fields& fields, const std::optional<std::string>& given) {
  check_utf8(line, where);
  base::Json object;
  try {
    object = base::parse_json(line, where, {.max_bytes = LineReader::kMaxLineBytes + 1});
  } catch (const base::Error& error) {
    throw DataError(error.what());
  }
  if (!object.is_object()) throw DataError(where + ": expected a JSON object, got " + base::quoted(line));
  if (fields.reserved != nullptr && object.contains(fields.reserved))
    throw DataError(where + ": has a field " + base::quoted(fields.reserved) + " already; --result-field gives the answer another name");
  const std::string text_name = "\"" + std::string(fields.text) + "\"", pair_name = "\"" + std::string(fields.pair) + "\"";
  const bool ids = has(object, "ids"), pair = has(object, fields.pair);
  const bool text = has(object, fields.text) || (given && !ids);
  if (text && ids) throw DataError(where + ": has both " + text_name + " and \"ids\"; give one of them");
  if (!text && !ids) throw DataError(where + ": has neither " + text_name + " nor \"ids\"");
  if (text && has(object, "type_ids")) throw DataError(where + ": \"type_ids\" belongs to \"ids\", but the line has " + text_name);
  if (ids && pair) throw DataError(where + ": " + pair_name + " belongs to " + text_name + ", but the line has \"ids\"");
  if (text && fields.needs_pair && !pair) throw DataError(where + ": has " + text_name + ", but no " + pair_name);

  Record record;
  record.fields = &fields;
  if (fields.keeps_line) record.line = line;
  if (text) record.text = has(object, fields.text) ? string_field(object, fields.text, where) : *given;
  if (fields.for_tsv) check_for_tsv(record.text, where + ": field " + text_name);
  if (fields.many_pairs) {
    if (pair) record.texts = strings_field(object, fields.pair, where);
    if (ids) read_id_rows(object, record, where);
  } else {
    if (pair) record.text_pair = string_field(object, fields.pair, where);
    if (ids) record.ids = integers(object.at("ids"), "ids", where);
    if (has(object, "type_ids")) {
      record.type_ids = integers(object.at("type_ids"), "type_ids", where);
      check_type_ids(record.type_ids.size(), record.ids->size(), where);
    }
  }
  record.where = std::move(where);
  return record;
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r\v\f") == std::string_view::npos; }

}  // namespace

std::size_t Record::bytes() const noexcept {
  std::size_t size = text.size() + 2 * line.size() + (text_pair ? text_pair->size() : 0) + sizeof(std::int32_t) * ((ids ? ids->size() : 0) + type_ids.size());
  for (const std::string& each : texts) size += each.size();
  for (const auto& row : id_rows) size += 2 * sizeof(std::int32_t) * row.size();
  return size;
}

Input Record::input() const {
  if (ids) return Input::from_ids(*ids, type_ids);
  if (text_pair) return Input(text, *text_pair);
  return Input(text);
}

Source::Source(std::vector<std::string> arguments, const Fields& fields, std::optional<std::string> given)
    : fields_(&fields), given_(std::move(given)), arguments_(std::move(arguments)), format_(InputFormat::lines) {}

Source::Source(const std::string& path, InputFormat format, const Fields& fields, std::optional<std::string> given)
    : fields_(&fields), given_(std::move(given)), reader_(std::make_unique<LineReader>(path)), format_(format) {}

// A text as it stands; of a command that needs pairs the second one.
Record Source::plain_record(std::string text, std::string where) const {
  check_utf8(text, where);
  if (fields_->for_tsv) check_for_tsv(text, where + ": the text");
  Record record;
  record.fields = fields_;
  if (!fields_->needs_pair) {
    record.text = std::move(text);
  } else {
    if (!given_)
      throw DataError(where + ": a text alone is not enough: " + fields_->option + " gives the other, or JSON lines have both (\"" + fields_->text + "\", \"" +
                      fields_->pair + "\")");
    record.text = *given_;
    if (fields_->many_pairs) {
      record.texts.push_back(std::move(text));
    } else {
      record.text_pair = std::move(text);
    }
  }
  record.where = std::move(where);
  return record;
}

std::optional<Record> Source::next(LineReader::Wait wait) {
  if (!reader_) {
    if (next_argument_ == arguments_.size()) return std::nullopt;
    const std::size_t index = next_argument_++;
    Record record = plain_record(std::move(arguments_[index]), "argument " + std::to_string(index + 1));
    // Arguments beside one text are its pairs, all of them.
    for (; fields_->many_pairs && next_argument_ < arguments_.size(); ++next_argument_) {
      check_utf8(arguments_[next_argument_], "argument " + std::to_string(next_argument_ + 1));
      record.texts.push_back(std::move(arguments_[next_argument_]));
    }
    return record;
  }
  prepare();
  if (csv_) return next_csv(wait);
  while (auto line = next_line(wait)) {
    const Place end{reader_->bytes_read(), reader_->line()};
    const std::string where = reader_->name() + ": line " + std::to_string(end.lines);
    try {
      std::optional<Record> record;
      if (format_ == InputFormat::jsonl) {
        if (is_blank(*line)) continue;  // as readers of JSON Lines do; in plain text a blank line is an empty text
        record = parse_record(*line, where, *fields_, given_);
      } else {
        record = plain_record(std::string(*line), where);
      }
      record->end = end;
      record->first_line = end.lines;
      return record;
    } catch (const DataError& error) {
      throw BadLine(error.what(), end, end.lines);
    }
  }
  return std::nullopt;
}

void Source::prepare() {
  if (prepared_ || !reader_) return;
  prepared_ = true;
  if (format_ == InputFormat::automatic) format_ = reader_->peek_non_blank() == '{' ? InputFormat::jsonl : InputFormat::lines;
  if (format_ != InputFormat::csv && format_ != InputFormat::tsv) return;
  csv_.emplace(format_ == InputFormat::csv ? ',' : '\t');
  read_columns();
}

// The columns by name, or by number where there is no header.
void Source::read_columns() {
  if (fields_->many_pairs) throw DataError(reader_->name() + ": this command reads plain lines or JSON Lines");
  const auto number = [&](const char* text) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text, text + std::strlen(text), value);
    if (error != std::errc() || *end != '\0' || value == 0)
      throw UsageError("without a header columns have numbers from 1 on, but the field is " + base::quoted(text));
    return value - 1;
  };
  if (no_header_) {
    text_column_ = number(fields_->text);
    if (std::string_view(fields_->pair) != kTextFields.pair) pair_column_ = number(fields_->pair);
    return;
  }
  const auto header = next_csv(LineReader::Wait::yes);
  if (!header) return;  // an empty file
  columns_ = header->cells;
  for (std::size_t i = columns_.size(); i-- > 0;) {
    if (columns_[i] == fields_->pair) pair_column_ = i;
    if (columns_[i] == fields_->text) text_column_ = i;
  }
  if (text_column_ < columns_.size() && columns_[text_column_] == fields_->text) return;
  std::string list;
  for (const std::string& column : columns_) list += (list.empty() ? "" : ", ") + base::printable(column);
  throw DataError(reader_->name() + ": line 1: there is no column " + base::quoted(fields_->text) + " (--text-field names it); there are " + list);
}

std::optional<Record> Source::next_csv(LineReader::Wait wait) {
  const auto bad = [&](const std::string& problem) {
    csv_open_ = false;
    const std::string where = reader_->name() + ": line " + std::to_string(csv_line_);
    return BadLine(where + ": " + problem, {reader_->bytes_read(), reader_->line()}, csv_line_);
  };
  while (auto line = next_line(wait)) {
    if (!csv_open_) {
      csv_->clear();
      csv_line_ = reader_->line();
      if (line->empty() && columns_.size() != 1) continue;
    } else {
      csv_->add_break(csv_break_);
    }
    csv_open_ = false;
    const CsvRecord::State state = csv_->add_line(*line);
    csv_break_ = reader_->line_break();
    if (state == CsvRecord::State::bad) throw bad(csv_->problem());
    if (state == CsvRecord::State::open) {
      if (csv_->raw().size() > LineReader::kMaxLineBytes) throw bad("a quoted field is longer than 64 MiB");
      csv_open_ = true;
      continue;
    }
    try {
      return csv_record();
    } catch (const DataError& error) {
      throw bad(error.what());
    }
  }
  if (csv_open_ && wait == LineReader::Wait::yes && reader_->ended()) throw bad("a quoted field is not closed");
  return std::nullopt;
}

// What the record says; messages are without the place.
Record Source::csv_record() const {
  const std::vector<std::string>& cells = csv_->fields();
  const std::size_t bad = base::find_invalid_utf8(csv_->raw());
  if (bad != std::string_view::npos) throw DataError("invalid UTF-8 at byte " + std::to_string(bad + 1));
  Record record;
  record.fields = fields_;
  record.where = reader_->name() + ": line " + std::to_string(csv_line_);
  record.end = {reader_->bytes_read(), reader_->line()};
  record.first_line = csv_line_;
  const bool is_header = !no_header_ && columns_.empty();
  if (!is_header) {
    if (!no_header_ && cells.size() != columns_.size())
      throw DataError("has " + std::to_string(cells.size()) + (cells.size() == 1 ? " field" : " fields") + ", the header has " +
                      std::to_string(columns_.size()));
    if (std::max(text_column_, pair_column_.value_or(0)) >= cells.size())
      throw DataError("has " + std::to_string(cells.size()) + (cells.size() == 1 ? " field" : " fields") + ", field " +
                      std::to_string(std::max(text_column_, pair_column_.value_or(0)) + 1) + " is needed");
    for (std::size_t i = 0; fields_->for_tsv && format_ == InputFormat::csv && i < cells.size(); ++i)
      check_for_tsv(cells[i], "column " + (no_header_ ? std::to_string(i + 1) : base::quoted(columns_[i])));
    record.text = cells[text_column_];
    if (pair_column_) record.text_pair = cells[*pair_column_];
    if (fields_->needs_pair && !pair_column_) throw DataError("has no column " + base::quoted(fields_->pair));
  }
  if (is_header || fields_->keeps_line) {
    record.line = csv_->raw();
    record.cells = cells;
  }
  return record;
}

std::optional<std::string_view> Source::next_line(LineReader::Wait wait) {
  try {
    return reader_->next(wait);
  } catch (const LongLine& error) {
    csv_open_ = false;
    throw BadLine(error.what(), {}, reader_->line() + 1, true);
  }
}

std::optional<Place> Source::skip_line() {
  if (!reader_->skip_line()) return std::nullopt;
  return Place{reader_->bytes_read(), reader_->line()};
}

void Source::skip_to(const Place& place) {
  prepare();
  if (reader_) reader_->skip_to(place.bytes, place.lines);
}

bool Source::next_chunk(std::vector<Record>& records, const ChunkLimits& limits) {
  records.clear();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  std::size_t bytes = 0;
  while (records.size() < limits.rows && bytes < limits.bytes) {
    try {
      auto record = next(records.empty() ? LineReader::Wait::yes : LineReader::Wait::no);
      if (!record) break;
      bytes += record->bytes();
      records.push_back(std::move(*record));
    } catch (const DataError&) {
      if (records.empty()) throw;
      failure_ = std::current_exception();
      break;
    }
  }
  return !records.empty();
}

}  // namespace berth::cli
