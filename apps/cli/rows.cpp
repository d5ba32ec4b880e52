#include "apps/cli/rows.hpp"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>

#include "apps/cli/errors.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/progress.hpp"

namespace berth::cli {

void add_output_options(Command& command, TextOptions& options) {
  const Option json = command.add_flag("--json", options.json, "Write JSON, as is the default when the output is not a terminal");
  command.add_flag("--table", options.table, "Write for people, as is the default on a terminal").excludes(json);
}

void add_text_options(Command& command, TextOptions& options) {
  static const std::map<std::string, InputFormat> kFormats = {{"auto", InputFormat::automatic}, {"lines", InputFormat::lines}, {"plain", InputFormat::lines},
                                                              {"text", InputFormat::lines},     {"jsonl", InputFormat::jsonl}, {"csv", InputFormat::csv},
                                                              {"tsv", InputFormat::tsv}};
  command.add_option("-i,--input", options.input, "Read texts from this file, \"-\" for standard input").type_name("FILE").check([](const std::string& path) {
    return path.empty() ? std::string("expected a file, got nothing") : std::string();
  });
  command
      .add_option("--input-format", options.format,
                  "What a line is: a text, a JSON object, or a record with a header; default auto: by the name (.csv, .tsv; classify and encode), else jsonl "
                  "when the first non-blank byte is {, else lines")
      .type_name("auto|lines|jsonl|csv|tsv")
      .transform([](std::string& name) {
        const auto found = kFormats.find(name);
        if (found == kFormats.end()) return "expected auto, lines, jsonl, csv or tsv, got \"" + name + "\"";
        name = std::to_string(static_cast<int>(found->second));
        return std::string();
      });
  add_output_options(command, options);
}

Source open_source(const TextOptions& options, std::vector<std::string> arguments, const Fields& fields, std::optional<std::string> given) {
  if (!options.input.empty()) {
    if (!arguments.empty()) throw UsageError("texts are given both as arguments and with --input; use one of them");
    return Source(options.input, options.format, fields, std::move(given));
  }
  if (!arguments.empty()) return Source(std::move(arguments), fields, std::move(given));
  if (::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1) {
    constexpr std::string_view kHint = "berth: reading texts from the terminal, one per line; Ctrl-D ends the input\n";
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kHint.data(), kHint.size());
  }
  return Source("-", options.format, fields, std::move(given));
}

void process_rows(std::span<const Record> records, const Process& process, const RowFailure& failed) {
  try {
    return process(records);
  } catch (const Error&) {
    // Which row it was is found below.
  }
  for (const Record& record : records) {
    try {
      process({&record, 1});
    } catch (const Error& error) {
      std::string_view problem = error.what();
      constexpr std::string_view kItsOnlyInput = "input 0: ";  // the library's name for what is a line or an argument here
      // What the model cannot do for the first row, whatever that is, is no row's fault.
      if (error.status() == BERTH_UNSUPPORTED && &record == &records.front() && !problem.starts_with(kItsOnlyInput)) throw;
      if (problem.starts_with(kItsOnlyInput)) problem.remove_prefix(kItsOnlyInput.size());
      if (!failed) throw DataError(record.where + ": " + std::string(problem));
      failed(record, std::string(problem));
    }
  }
}

void for_each_chunk(Source& source, Output& output, const ChunkLimits& limits, const Process& process) {
  // When the answers themselves appear on the terminal they are the progress.
  Progress progress(!output.terminal(), "lines");
  std::vector<Record> records;
  std::uint64_t done = 0;
  while (source.next_chunk(records, limits)) {
    try {
      process_rows(records, process);
    } catch (const DataError&) {
      output.flush();
      throw;
    }
    output.flush();
    done += records.size();
    progress.update(done, source.bytes_read(), source.total_bytes());
  }
}

namespace {

std::string describe_with(const std::string& note, const Record& record, int columns) {
  std::string text = record.ids ? "(" + std::to_string(record.ids->size()) + " ids)" : record.text;
  if (!record.id_rows.empty()) text = "(" + std::to_string(record.id_rows.size()) + " rows of ids)";
  if (record.text_pair) text += " | " + *record.text_pair;
  return one_line(text, std::max(10, columns - static_cast<int>(note.size()))) + note;
}

}  // namespace

std::string describe(const Record& record, bool truncated, int columns) { return describe_with(truncated ? " (cut)" : "", record, columns); }

std::string describe(const Record& record, const Row& row, int columns) {
  return row.windows > 1 ? describe_with(" (" + std::to_string(row.windows) + " windows)", record, columns) : describe(record, row.truncated != 0, columns);
}

std::vector<Input> inputs_of(std::span<const Record> records) {
  std::vector<Input> inputs;
  inputs.reserve(records.size());
  for (const Record& record : records) inputs.push_back(record.input());
  return inputs;
}

std::string score_cell(float score) {
  const std::string digits = fixed(static_cast<double>(score), 3);
  return (digits.size() < 6 ? std::string(6 - digits.size(), ' ') : "") + digits;
}

ChunkLimits chunk_limits(const RunLimits& limits) {
  ChunkLimits result;
  // A batch can only be as large as the chunk it comes from. A text has at least two tokens, and a token is seldom longer than eight bytes.
  // Memory stays bounded whatever is asked for.
  constexpr std::size_t kMaxBatchTokens = std::size_t{1} << 20;
  const std::size_t batch_tokens = std::min(limits.batch_tokens, kMaxBatchTokens);
  result.rows = std::max(result.rows, batch_tokens / 2);
  result.bytes = std::max(result.bytes, batch_tokens * 8);
  return result;
}

}  // namespace berth::cli
