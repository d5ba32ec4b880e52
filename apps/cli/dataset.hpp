// Labelled texts in a file, as berth eval and berth profile read them: columns separated by tabs, CSV or JSON Lines.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "apps/cli/input.hpp"

namespace berth::cli {

class Command;

enum class Column { ignored, text, text_pair, label };

// "text,label", "-,text,text_pair,score": what each column holds, "-" for none of these; "score" is another name for a label that is a number.
// Throws UsageError.
std::vector<Column> parse_columns(const std::string& names);

struct Dataset {
  std::vector<Record> records;
  std::vector<std::string> labels;  // as written; as many as records, or none where no column holds them
  bool has_pairs = false;
};

struct DatasetOptions {
  std::string format = "auto";  // tsv, csv, jsonl; auto: by the name (.csv, .tsv), else jsonl where the first non-blank byte is {, else tsv
  std::string columns = {};     // see parse_columns(); empty: by the first line where that names its columns (sentence, label, ...), else text, then label
  bool header = false;          // the first line is left out whatever it says
  std::size_t limit = 0;        // rows taken; 0: all
  // Names of columns in the first line, or of JSON fields (default: text, text_pair, and label or another of its well-known names). Not with `columns`.
  std::string text_field = {}, pair_field = {}, label_field = {};
};

// --columns, --header, --rows, --data-format and the names of fields.
void add_dataset_options(Command& command, DatasetOptions& options);

// Rows of a stream's reader (input.hpp). Blank lines are skipped; between tabs quotation marks mean nothing. A JSON label is a string, a number, or an array of
// these, which become one label separated by commas. Throws UsageError, DataError naming the line.
Dataset read_dataset(const std::string& path, const DatasetOptions& options);

// Labels as indices of a model's: a label is a name, in any case of its ASCII letters where that is clear, or an index. Throws DataError naming
// the record's line and listing the model's labels.
std::size_t label_index(std::string_view label, std::span<const std::string> names, const std::string& where);
// The same for several, separated by commas: [names.size()], 1 for those named. "": none.
std::vector<bool> label_set(std::string_view labels, std::span<const std::string> names, const std::string& where);
// A label that is a finite number.
double label_number(std::string_view label, const std::string& where);

}  // namespace berth::cli
