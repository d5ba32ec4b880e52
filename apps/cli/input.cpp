#include "apps/cli/input.hpp"

#include <limits>
#include <string_view>
#include <utility>

#include "apps/cli/errors.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/utf8.hpp"

namespace berth::cli {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

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

std::vector<std::int32_t> integers_field(const base::Json& object, const char* key, const std::string& where) {
  const base::Json& value = object.at(key);
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

Record parse_record(std::string_view line, std::string where) {
  check_utf8(line, where);
  base::Json object;
  try {
    object = base::parse_json(line, where, {.max_bytes = LineReader::kMaxLineBytes + 1});
  } catch (const base::Error& error) {
    throw DataError(error.what());
  }
  if (!object.is_object()) throw DataError(where + ": expected a JSON object, got " + base::quoted(line));
  const bool text = has(object, "text"), ids = has(object, "ids");
  if (text && ids) throw DataError(where + ": has both \"text\" and \"ids\"; give one of them");
  if (!text && !ids) throw DataError(where + ": has neither \"text\" nor \"ids\"");
  if (text && has(object, "type_ids")) throw DataError(where + ": \"type_ids\" belongs to \"ids\", but the line has \"text\"");
  if (ids && has(object, "text_pair")) throw DataError(where + ": \"text_pair\" belongs to \"text\", but the line has \"ids\"");

  Record record;
  if (text) record.text = string_field(object, "text", where);
  if (has(object, "text_pair")) record.text_pair = string_field(object, "text_pair", where);
  if (ids) record.ids = integers_field(object, "ids", where);
  if (has(object, "type_ids")) {
    record.type_ids = integers_field(object, "type_ids", where);
    if (record.type_ids.size() != record.ids->size())
      throw DataError(where + ": \"type_ids\" has " + std::to_string(record.type_ids.size()) + " entries, \"ids\" has " + std::to_string(record.ids->size()));
  }
  record.where = std::move(where);
  return record;
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r\v\f") == std::string_view::npos; }

}  // namespace

std::size_t Record::bytes() const noexcept {
  return text.size() + (text_pair ? text_pair->size() : 0) + sizeof(std::int32_t) * ((ids ? ids->size() : 0) + type_ids.size());
}

Input Record::input() const {
  if (ids) return Input::from_ids(*ids, type_ids);
  if (text_pair) return Input(text, *text_pair);
  return Input(text);
}

Source::Source(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {}

Source::Source(const std::string& path, InputFormat format) : reader_(std::make_unique<LineReader>(path)), format_(format) {}

std::optional<Record> Source::next(LineReader::Wait wait) {
  if (!reader_) {
    if (next_argument_ == arguments_.size()) return std::nullopt;
    Record record;
    record.text = std::move(arguments_[next_argument_++]);
    record.where = "argument " + std::to_string(next_argument_);
    check_utf8(record.text, record.where);
    return record;
  }
  if (format_ == InputFormat::automatic) format_ = reader_->peek_non_blank() == '{' ? InputFormat::jsonl : InputFormat::lines;
  while (auto line = reader_->next(wait)) {
    std::string where = reader_->name() + ": line " + std::to_string(reader_->line());
    if (format_ == InputFormat::jsonl) {
      if (reader_->line() == 1 && line->starts_with(kByteOrderMark)) line->remove_prefix(kByteOrderMark.size());
      if (is_blank(*line)) continue;  // as readers of JSON Lines do; in plain text a blank line is an empty text
      return parse_record(*line, std::move(where));
    }
    check_utf8(*line, where);
    Record record;
    record.text = *line;
    record.where = std::move(where);
    return record;
  }
  return std::nullopt;
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
