// Labelled texts in a tab-separated file, as berth eval reads them.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "apps/cli/input.hpp"

namespace berth::cli {

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
  std::vector<Column> columns;  // empty: by the first line where that names its columns (sentence, label, ...), else text, then label
  bool header = false;          // the first line is left out whatever it says
  std::size_t limit = 0;        // rows taken; 0: all
};

// Blank lines are skipped. Quotation marks mean nothing. Throws DataError naming the line.
Dataset read_dataset(const std::string& path, const DatasetOptions& options);

// Labels as indices of a model's: a label is a name, in any case of its ASCII letters where that is clear, or an index. Throws DataError naming
// the record's line and listing the model's labels.
std::size_t label_index(std::string_view label, std::span<const std::string> names, const std::string& where);
// The same for several, separated by commas: [names.size()], 1 for those named. "": none.
std::vector<bool> label_set(std::string_view labels, std::span<const std::string> names, const std::string& where);
// A label that is a finite number.
double label_number(std::string_view label, const std::string& where);

}  // namespace berth::cli
