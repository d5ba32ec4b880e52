#include "apps/cli/dataset.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "apps/cli/command.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/option_checks.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/utf8.hpp"

namespace berth::cli {
namespace {

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

// What the columns of well-known data sets are called.
constexpr std::array<std::pair<std::string_view, Column>, 22> kKnownNames = {{
    {"text", Column::text},
    {"sentence", Column::text},
    {"sentence1", Column::text},
    {"sentence_1", Column::text},
    {"question", Column::text},
    {"question1", Column::text},
    {"premise", Column::text},
    {"query", Column::text},
    {"text_pair", Column::text_pair},
    {"sentence2", Column::text_pair},
    {"sentence_2", Column::text_pair},
    {"question2", Column::text_pair},
    {"hypothesis", Column::text_pair},
    {"answer", Column::text_pair},
    {"label", Column::label},
    {"labels", Column::label},
    {"category", Column::label},
    {"class", Column::label},
    {"intent", Column::label},
    {"score", Column::label},
    {"similarity_score", Column::label},
    {"similarity", Column::label},
}};

Column column_by_header(std::string_view header) {
  const std::string name = base::lower_ascii(trimmed(header));
  for (const auto& [known, column] : kKnownNames)
    if (known == name) return column;
  return Column::ignored;
}

bool has(const std::vector<Column>& columns, Column column) { return std::find(columns.begin(), columns.end(), column) != columns.end(); }

// The columns that a first line names; empty when it is no header.
std::vector<Column> columns_by_header(std::span<const std::string> fields) {
  std::vector<Column> columns;
  for (const std::string& field : fields) {
    const Column column = column_by_header(field);
    columns.push_back(has(columns, column) ? Column::ignored : column);
  }
  const bool header = columns.size() > 1 && has(columns, Column::text) && (has(columns, Column::label) || has(columns, Column::text_pair));
  return header ? columns : std::vector<Column>();
}

// Columns by the names that options give them.
std::vector<Column> columns_by_name(std::span<const std::string> fields, const DatasetOptions& options, const std::string& where) {
  std::vector<Column> columns(fields.size(), Column::ignored);
  const auto find = [&](const std::string& name, Column column, bool needed) {
    const auto found = std::find_if(fields.begin(), fields.end(), [&](const std::string& field) { return trimmed(field) == name; });
    if (found != fields.end()) {
      columns[static_cast<std::size_t>(found - fields.begin())] = column;
    } else if (needed) {
      throw DataError(where + ": there is no column " + base::quoted(name));
    }
  };
  find(options.text_field.empty() ? "text" : options.text_field, Column::text, true);
  if (!options.pair_field.empty()) find(options.pair_field, Column::text_pair, true);
  find(options.label_field.empty() ? "label" : options.label_field, Column::label, !options.label_field.empty());
  return columns;
}

bool names_fields(const DatasetOptions& options) { return !options.text_field.empty() || !options.pair_field.empty() || !options.label_field.empty(); }

// What a record of a table says, by what its columns hold.
void add_row(Dataset& dataset, std::span<const std::string> cells, const std::vector<Column>& columns, std::string where, InputFormat format) {
  Record record;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] == Column::ignored) continue;
    if (i >= cells.size())
      throw DataError(where + ": has " + std::to_string(cells.size()) + (cells.size() == 1 ? " column" : " columns") + " separated by " +
                      (format == InputFormat::csv ? "commas" : "tabs") + ", column " + std::to_string(i + 1) + " is needed");
    if (columns[i] == Column::text) record.text = cells[i];
    if (columns[i] == Column::text_pair) record.text_pair = cells[i];
    if (columns[i] == Column::label) dataset.labels.emplace_back(trimmed(cells[i]));
  }
  record.where = std::move(where);
  dataset.records.push_back(std::move(record));
}

std::string label_text(const base::Json& value, const std::string& where) {
  const auto one = [&](const base::Json& label) -> std::string {
    if (label.is_string()) return std::string(trimmed(label.get_ref<const std::string&>()));
    if (label.is_number()) return label.dump();
    throw DataError(where + ": expected a string, a number, or an array of these as the label, got " + base::describe(value));
  };
  if (!value.is_array()) return one(value);
  std::string list;
  for (const base::Json& label : value) {
    const std::string text = one(label);
    if (value.size() > 1 && text.find(',') != std::string::npos) throw DataError(where + ": one of several labels has a comma: " + base::quoted(text));
    list += (list.empty() ? "" : ",") + text;
  }
  return list;
}

// The field that holds the label of JSON objects like this one.
std::string label_field_of(const base::Json& object) {
  for (const auto& [known, column] : kKnownNames)
    if (column == Column::label && object.contains(known)) return std::string(known);
  return "";
}

class Reader {
 public:
  Reader(const std::string& path, const DatasetOptions& options)
      : options_(options),
        fields_{.text = options.text_field.empty() ? "text" : options.text_field.c_str(),
                .pair = options.pair_field.empty() ? "text_pair" : options.pair_field.c_str(),
                .keeps_line = true},
        csv_(options.format == "csv" || (options.format == "auto" && path.ends_with(".csv"))),
        source_(path, input_format(path), csv_ ? kFirstColumn : fields_) {
    if (csv_) source_.set_no_header();
    source_.prepare();
    if (!options.columns.empty() && names_fields(options)) throw UsageError("--columns and --text-field, --pair-field or --label-field exclude each other");
    if (source_.format() == InputFormat::jsonl && (!options.columns.empty() || options.header))
      throw UsageError(source_.name() + ": --columns and --header are for columns; of JSON Lines --text-field, --pair-field and --label-field name the fields");
    if (!options.columns.empty()) columns_ = parse_columns(options.columns);
  }

  Dataset read() {
    Dataset dataset;
    std::vector<Record> records;
    while (source_.next_chunk(records, {})) {
      for (Record& record : records) {
        add(dataset, record);
        if (options_.limit > 0 && dataset.records.size() == options_.limit) return finished(std::move(dataset));
      }
    }
    return finished(std::move(dataset));
  }

 private:
  static constexpr Fields kFirstColumn{.text = "1", .keeps_line = true};

  // Between tabs quotation marks mean nothing, and lines need not have all columns: plain lines do.
  InputFormat input_format(const std::string& path) const {
    if (csv_) return InputFormat::csv;
    if (options_.format == "jsonl") return InputFormat::jsonl;
    return options_.format == "auto" && !path.ends_with(".tsv") ? InputFormat::automatic : InputFormat::lines;
  }

  Dataset finished(Dataset dataset) const {
    if (dataset.records.empty()) throw DataError(source_.name() + ": has no rows");
    dataset.has_pairs = dataset.records.front().text_pair.has_value();
    return dataset;
  }

  void add(Dataset& dataset, Record& record) {
    if (source_.format() == InputFormat::jsonl) return add_object(dataset, record);
    std::vector<std::string> cells = std::move(record.cells);
    if (!csv_) {
      for (const std::string_view cell : split(record.text, '\t')) cells.emplace_back(cell);
    }
    const bool blank = std::all_of(cells.begin(), cells.end(), [](const std::string& cell) { return trimmed(cell).empty(); });
    if (std::exchange(first_, false) && is_header(cells, record.where)) return;
    if (blank && (!csv_ || cells.size() == 1)) return;
    if (columns_.empty()) {
      columns_ = {Column::text};
      if (cells.size() > 1) columns_.push_back(Column::label);
    }
    add_row(dataset, cells, columns_, std::move(record.where), source_.format());
  }

  bool is_header(const std::vector<std::string>& cells, const std::string& where) {
    if (names_fields(options_)) {
      columns_ = columns_by_name(cells, options_, where);
      return true;
    }
    const auto named = columns_by_header(cells);
    if (columns_.empty()) columns_ = named;
    return options_.header || !named.empty();
  }

  void add_object(Dataset& dataset, Record& record) {
    if (record.ids) throw DataError(record.where + ": has \"ids\": labelled data are texts");
    const base::Json object = base::parse_json(record.line, record.where, {.max_bytes = LineReader::kMaxLineBytes + 1});
    if (std::exchange(first_, false)) {
      label_field_ = options_.label_field.empty() ? label_field_of(object) : options_.label_field;
      paired_ = record.text_pair.has_value();
    }
    if (record.text_pair.has_value() != paired_)
      throw DataError(record.where + ": has " + (paired_ ? "no " : "a ") + base::quoted(fields_.pair) + ", unlike the first line");
    if (!label_field_.empty()) {
      if (!object.contains(label_field_)) throw DataError(record.where + ": has no " + base::quoted(label_field_));
      dataset.labels.push_back(label_text(object.at(label_field_), record.where + ": field " + base::quoted(label_field_)));
    }
    record.fields = &kTextFields;
    record.line = {};
    dataset.records.push_back(std::move(record));
  }

  const DatasetOptions& options_;
  Fields fields_;
  bool csv_;
  Source source_;
  std::vector<Column> columns_;
  bool first_ = true, paired_ = false;
  std::string label_field_;
};

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

void add_dataset_options(Command& command, DatasetOptions& options) {
  command.add_option("--data-format", options.format, "Default auto: by the name (.csv, .tsv), else jsonl when the first non-blank byte is {, else tsv")
      .choices("auto|tsv|csv|jsonl");
  command
      .add_option("--columns", options.columns, "What the columns hold: text, text_pair, label, score, or - for none; default: by the header, else text,label")
      .type_name("LIST");
  command.add_flag("--header", options.header, "Leave out the first line");
  command.add_option("--text-field", options.text_field, "The column (by the first line) or JSON field with the text; default text").type_name("NAME");
  command.add_option("--pair-field", options.pair_field, "The same of the second text; default text_pair").type_name("NAME");
  command.add_option("--label-field", options.label_field, "The same of the label; default label").type_name("NAME");
  command.add_option("--rows", options.limit, "Take only so many rows").type_name("N").check(check_positive);
}

Dataset read_dataset(const std::string& path, const DatasetOptions& options) { return Reader(path, options).read(); }

std::size_t label_index(std::string_view label, std::span<const std::string> names, const std::string& where) {
  const auto found = std::find(names.begin(), names.end(), label);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  const auto like = [lower = base::lower_ascii(label)](const std::string& name) { return base::lower_ascii(name) == lower; };
  if (std::count_if(names.begin(), names.end(), like) == 1) return static_cast<std::size_t>(std::find_if(names.begin(), names.end(), like) - names.begin());
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
