#include "apps/cli/dataset.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "apps/cli/errors.hpp"
#include "apps/cli/lines.hpp"
#include "base/error.hpp"
#include "base/utf8.hpp"

namespace berth::cli {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kBlank = " \t\r\v\f";

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

// What the columns of well-known data sets are called.
Column column_by_header(std::string_view header) {
  constexpr std::array<std::pair<std::string_view, Column>, 22> kNames = {{
      {"text", Column::text},         {"sentence", Column::text},        {"sentence1", Column::text},      {"sentence_1", Column::text},
      {"question", Column::text},     {"question1", Column::text},       {"premise", Column::text},        {"query", Column::text},
      {"text_pair", Column::text_pair}, {"sentence2", Column::text_pair}, {"sentence_2", Column::text_pair}, {"question2", Column::text_pair},
      {"hypothesis", Column::text_pair}, {"answer", Column::text_pair},  {"label", Column::label},         {"labels", Column::label},
      {"category", Column::label},    {"class", Column::label},          {"intent", Column::label},        {"score", Column::label},
      {"similarity_score", Column::label}, {"similarity", Column::label},
  }};
  const std::string name = lower_case(trimmed(header));
  for (const auto& [known, column] : kNames)
    if (known == name) return column;
  return Column::ignored;
}

bool has(const std::vector<Column>& columns, Column column) { return std::find(columns.begin(), columns.end(), column) != columns.end(); }

// The columns that a first line names; empty when it is no header.
std::vector<Column> columns_by_header(std::string_view line) {
  std::vector<Column> columns;
  for (const std::string_view field : split(line, '\t')) {
    const Column column = column_by_header(field);
    columns.push_back(has(columns, column) ? Column::ignored : column);
  }
  const bool header = columns.size() > 1 && has(columns, Column::text) && (has(columns, Column::label) || has(columns, Column::text_pair));
  return header ? columns : std::vector<Column>();
}

void add_row(Dataset& dataset, std::string_view line, const std::vector<Column>& columns, std::string where) {
  const std::size_t bad = base::find_invalid_utf8(line);
  if (bad != std::string_view::npos) throw DataError(where + ": invalid UTF-8 at byte " + std::to_string(bad + 1));
  const auto fields = split(line, '\t');
  Record record;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] == Column::ignored) continue;
    if (i >= fields.size())
      throw DataError(where + ": has " + std::to_string(fields.size()) + (fields.size() == 1 ? " column" : " columns") + " separated by tabs, column " +
                      std::to_string(i + 1) + " is needed");
    if (columns[i] == Column::text) record.text = fields[i];
    if (columns[i] == Column::text_pair) record.text_pair = fields[i];
    if (columns[i] == Column::label) dataset.labels.emplace_back(trimmed(fields[i]));
  }
  record.where = std::move(where);
  dataset.records.push_back(std::move(record));
}

std::string listed(std::span<const std::string> names) {
  constexpr std::size_t kShown = 30;
  std::string list;
  for (std::size_t i = 0; i < std::min(kShown, names.size()); ++i) list += (i > 0 ? ", " : "") + names[i];
  return list + (names.size() > kShown ? ", ..." : "");
}

}  // namespace

std::vector<Column> parse_columns(const std::string& names) {
  constexpr std::array<std::pair<std::string_view, Column>, 5> kNames = {
      {{"-", Column::ignored}, {"text", Column::text}, {"text_pair", Column::text_pair}, {"label", Column::label}, {"score", Column::label}}};
  std::vector<Column> columns;
  for (const std::string_view name : split(names, ',')) {
    const auto found = std::find_if(kNames.begin(), kNames.end(), [&](const auto& known) { return known.first == name; });
    if (found == kNames.end()) throw UsageError("--columns: expected text, text_pair, label, score or -, got \"" + std::string(name) + "\"");
    if (found->second != Column::ignored && has(columns, found->second)) throw UsageError("--columns: \"" + std::string(name) + "\" is there twice");
    columns.push_back(found->second);
  }
  if (!has(columns, Column::text)) throw UsageError("--columns: one of them must be text");
  return columns;
}

Dataset read_dataset(const std::string& path, const DatasetOptions& options) {
  LineReader reader(path);
  Dataset dataset;
  std::vector<Column> columns = options.columns;
  while (auto line = reader.next(LineReader::Wait::yes)) {
    if (reader.line() == 1) {
      if (line->starts_with(kByteOrderMark)) line->remove_prefix(kByteOrderMark.size());
      const auto named = columns_by_header(*line);
      if (columns.empty()) columns = named;
      if (options.header || !named.empty()) continue;
    }
    if (trimmed(*line).empty()) continue;
    if (columns.empty()) {
      columns = {Column::text};
      if (line->find('\t') != std::string_view::npos) columns.push_back(Column::label);
    }
    add_row(dataset, *line, columns, reader.name() + ": line " + std::to_string(reader.line()));
    if (dataset.records.size() == options.limit) break;
  }
  if (dataset.records.empty()) throw DataError(reader.name() + ": has no rows");
  dataset.has_pairs = has(columns, Column::text_pair);
  return dataset;
}

std::size_t label_index(std::string_view label, std::span<const std::string> names, const std::string& where) {
  const auto found = std::find(names.begin(), names.end(), label);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  const auto like = [lower = lower_case(label)](const std::string& name) { return lower_case(name) == lower; };
  if (std::count_if(names.begin(), names.end(), like) == 1)
    return static_cast<std::size_t>(std::find_if(names.begin(), names.end(), like) - names.begin());
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(label.data(), label.data() + label.size(), index);
  if (!label.empty() && error == std::errc() && end == label.data() + label.size() && index < names.size()) return index;
  throw DataError(where + ": " + base::quoted(label) + " is no label of the model (a name or an index of: " + listed(names) + ")");
}

std::vector<bool> label_set(std::string_view labels, std::span<const std::string> names, const std::string& where) {
  std::vector<bool> set(names.size(), false);
  if (labels.empty()) return set;
  if (const auto whole = std::find(names.begin(), names.end(), labels); whole != names.end()) {
    set[static_cast<std::size_t>(whole - names.begin())] = true;  // a name may have a comma
    return set;
  }
  for (const std::string_view label : split(labels, ',')) set[label_index(trimmed(label), names, where)] = true;
  return set;
}

double label_number(std::string_view label, const std::string& where) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(label.data(), label.data() + label.size(), value);
  if (error != std::errc() || end != label.data() + label.size() || !std::isfinite(value))
    throw DataError(where + ": expected a number as the label, got " + base::quoted(label));
  return value;
}

}  // namespace berth::cli
