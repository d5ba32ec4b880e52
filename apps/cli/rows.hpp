// What the row-by-row commands share: options about input and output, and the loop from lines in to lines out.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "apps/cli/command.hpp"
#include "apps/cli/input.hpp"
#include "apps/cli/models.hpp"
#include "apps/cli/output.hpp"
#include "apps/common/scores.hpp"

namespace berth::cli {

struct TextOptions {
  std::string input;  // path, "-" for standard input; empty: the arguments, or standard input when there are none
  InputFormat format = InputFormat::automatic;
  bool json = false;
  bool table = false;
};
void add_output_options(Command& command, TextOptions& options);
void add_text_options(Command& command, TextOptions& options);

// Throws UsageError when there are both arguments and --input.
Source open_source(const TextOptions& options, std::vector<std::string> arguments, const Fields& fields = kTextFields, std::optional<std::string> given = {});

// Calls process(records). `process` computes first and writes then: when it throws berth::Error nothing of the records has been written, and they
// are run again a row at a time, so that the rows before the failing one are still answered (the results are the same: they do not depend on the
// batch) and the message names the row.
using Process = std::function<void(std::span<const Record>)>;
// With `failed` a row that fails is told to it, and the others go on.
using RowFailure = std::function<void(const Record& record, const std::string& reason)>;
void process_rows(std::span<const Record> records, const Process& process, const RowFailure& failed = {});

// process_rows() for chunk after chunk of the source; flushes the output after each.
void for_each_chunk(Source& source, Output& output, const ChunkLimits& limits, const Process& process);

// A record on one line of at most `columns` cells, for people: its text, or how many ids it has; says when it was cut.
std::string describe(const Record& record, bool truncated, int columns);
std::string describe(const Record& record, const Row& row, int columns);  // also in how many windows it ran

std::vector<Input> inputs_of(std::span<const Record> records);  // borrow from the records
ChunkLimits chunk_limits(const RunLimits& limits);

using apps::best;

// A score in a column for people.
std::string score_cell(float score);

}  // namespace berth::cli
