// Inputs of any size through a command: files in and out in several formats, other fields kept, bad lines set aside, and runs that go on where they stopped.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/cli/command.hpp"
#include "apps/cli/input.hpp"
#include "apps/cli/output.hpp"
#include "apps/cli/rows.hpp"
#include "base/parallel.hpp"

namespace berth::cli {

struct StreamOptions {
  std::string output;         // path; empty or "-": standard output
  std::string output_format;  // jsonl, csv, tsv, npy; empty: by the output's name, else csv or tsv as the input, else jsonl
  std::string text_field = "text";
  std::string pair_field = "text_pair";
  std::string result_field = "result";  // what answers are called beside kept fields
  bool keep_fields = false;
  bool no_header = false;
  std::string errors;  // path
  bool strict = false;
  bool resume = false;
};
enum class Npy { no, yes };  // whether the command can write it
void add_stream_options(Command& command, StreamOptions& options, Npy npy);

enum class OutputFormat { jsonl, csv, tsv, npy };

// One answer in the forms that the output may want.
struct Answer {
  std::string json;                // fields without braces: `"label":…,"tokens":4`
  std::vector<std::string> cells;  // for CSV and TSV: as many as Stream's columns
};

class Stream {
 public:
  // Opens the input. `threads` make the answers' text; 0: as many as the library takes. Throws UsageError, DataError.
  Stream(const TextOptions& text, const StreamOptions& stream, std::vector<std::string> arguments, int threads);
  ~Stream();

  // Opens the output: only once all else is well, so that a mistake does not empty a file. `columns` are those of the answers in CSV and TSV; `fingerprint`
  // says what answers depend on, so that a run is not resumed as another. `npy`: type and columns of the matrix.
  struct Matrix {
    std::string type;
    std::size_t columns = 0;
    std::size_t row_bytes = 0;
  };
  void open_output(std::vector<std::string> columns, const std::string& fingerprint, const std::optional<Matrix>& npy = {});

  Output& output() noexcept { return *output_; }
  OutputFormat format() const noexcept { return format_; }
  bool wants_cells() const noexcept { return format_ == OutputFormat::csv || format_ == OutputFormat::tsv; }

  // Writes what row(index, out) appends for each index in [0, count), in order. Several threads call it at once. When it throws, what comes before that is written.
  using Row = std::function<void(std::size_t index, std::string& out)>;
  void write_rows(std::size_t count, const Row& row);
  // The line of one record, in the output's format. Safe to call from many threads.
  void append_line(std::string& out, const Record& record, const Answer& answer) const;

  // process_rows() for chunk after chunk. Throws Interrupted when a signal came, once all that was read is answered.
  void run(const ChunkLimits& limits, const Process& process);

 private:
  void choose_format();
  void check_names(const std::vector<std::string>& columns) const;
  std::string header(const std::vector<std::string>& columns) const;
  void resume(const std::string& fingerprint);
  void run_chunks(const ChunkLimits& limits, const Process& process);
  void set_aside(std::uint64_t line, const std::string& reason);
  void settle(bool save);  // hands over what was written, and remembers how far that is
  void secure();
  void save_progress();
  void save_what_there_is();
  void finish();
  std::string progress_path() const { return stream_.output + ".progress"; }
  std::string unfinished_progress_path() const { return progress_path() + ".part"; }
  bool resumable() const { return output_ && output_->regular_file(); }

  TextOptions text_;
  StreamOptions stream_;
  Fields fields_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<Output> output_;
  std::unique_ptr<Output> errors_;
  OutputFormat format_ = OutputFormat::jsonl;
  base::ThreadPool pool_;
  std::vector<std::string> rows_;  // of write_rows()
  std::optional<Matrix> matrix_;
  std::string fingerprint_;

  // What has been answered; bytes of the output and the file of errors that belong to it.
  Place place_;
  std::uint64_t answered_ = 0, bad_ = 0, settled_bytes_ = 0, settled_errors_ = 0;
  Place settled_place_;
  std::uint64_t settled_answered_ = 0, settled_bad_ = 0, saved_lines_ = 0;
};

}  // namespace berth::cli
