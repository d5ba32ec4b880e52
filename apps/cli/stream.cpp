#include "apps/cli/stream.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string_view>
#include <system_error>

#include <nlohmann/json.hpp>

#include "apps/cli/csv.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/interrupts.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/npy.hpp"
#include "apps/cli/option_checks.hpp"
#include "apps/cli/progress.hpp"
#include "base/cpu_limits.hpp"
#include "base/error.hpp"
#include "base/json.hpp"

namespace berth::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr auto kSaveEvery = std::chrono::seconds(2);
constexpr std::size_t kFewRows = 16, kRowsBytes = std::size_t{1} << 20, kKeptRowBytes = std::size_t{64} << 10;  // of write_rows()

bool is_file(const std::string& path) { return !path.empty() && path != "-"; }

// Whether writing one would change the other.
bool same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return is_file(a) && is_file(b) && (a == b || (fs::is_regular_file(a, ignored) && fs::equivalent(a, b, ignored)));
}

std::optional<InputFormat> format_by_name(const std::string& path) {
  if (path.ends_with(".csv")) return InputFormat::csv;
  if (path.ends_with(".tsv")) return InputFormat::tsv;
  return std::nullopt;
}

// "file: line 3: field ..." without the place, which the file of errors has apart.
std::string without_place(const std::string& message, const std::string& where) {
  return message.starts_with(where + ": ") ? message.substr(where.size() + 2) : message;
}

}  // namespace

void add_stream_options(Command& command, StreamOptions& options, Npy npy) {
  const std::string formats = npy == Npy::yes ? "jsonl|csv|tsv|npy" : "jsonl|csv|tsv";
  command.add_option("-o,--output", options.output, "Write to this file instead of standard output; beside it FILE.progress, until the run is complete")
      .type_name("FILE");
  command.add_option("--output-format", options.output_format, "Default: by the output's name, else as the input, else jsonl")
      .type_name(formats)
      .check([formats](const std::string& text) { return check_choice(text, formats); });
  command.add_option("--text-field", options.text_field, "The JSON field or the column that holds the text; default text; a number with --no-header")
      .type_name("NAME")
      .check(check_encoding);
  command.add_option("--pair-field", options.pair_field, "The same of the second text; default text_pair").type_name("NAME").check(check_encoding);
  command.add_flag("--keep-fields", options.keep_fields,
                   "Write every field of the input as it was, and the answer as a field of its own (CSV and TSV are always kept)");
  command.add_option("--result-field", options.result_field, "What the answer is called there; default result").type_name("NAME").check(check_encoding);
  command.add_flag("--no-header", options.no_header, "CSV and TSV: the first line is a record, too");
  command.add_option("--errors", options.errors, "Put lines that cannot be answered here, with number and reason, and go on")
      .type_name("FILE")
      .check([](const std::string& path) { return check_other_file(path, "standard error is /dev/stderr"); });
  command.add_flag("--strict", options.strict, "Stop at the first such line, as without --errors");
  command.add_flag("--resume", options.resume, "Go on where an interrupted run with the same options stopped; needs --output");
}

Stream::Stream(const TextOptions& text, const StreamOptions& stream, std::vector<std::string> arguments, int threads)
    : text_(text), stream_(stream), pool_(threads > 0 ? threads : base::default_thread_count()) {
  if (stream_.resume && !is_file(stream_.output)) throw UsageError("--resume needs --output FILE");
  if (stream_.resume && !arguments.empty()) throw UsageError("--resume needs an input, not texts as arguments");
  const std::string input = arguments.empty() ? (is_file(text_.input) ? text_.input : "/dev/stdin") : "";
  if (same_file(stream_.output, input)) throw UsageError("--output is the input");
  if (same_file(stream_.errors, input)) throw UsageError("--errors is the input");
  if (same_file(stream_.errors, stream_.output)) throw UsageError("--errors is the output");
  if (is_file(stream_.output))
    for (const std::string& own : {progress_path(), unfinished_progress_path()}) {
      if (same_file(own, input)) throw UsageError("the input is " + own + ", where --output keeps its progress");
      if (same_file(own, stream_.errors)) throw UsageError("--errors is " + own + ", where --output keeps its progress");
    }
  fields_.text = stream_.text_field.c_str();
  fields_.pair = stream_.pair_field.c_str();
  fields_.keeps_line = true;
  if (stream_.keep_fields) fields_.reserved = stream_.result_field.c_str();
  if (text_.format == InputFormat::automatic)
    if (const auto named = format_by_name(text_.input)) text_.format = *named;
  source_ = std::make_unique<Source>(open_source(text_, std::move(arguments), fields_));
  if (stream_.no_header) source_->set_no_header();
  source_->prepare();
  choose_format();
}

Stream::~Stream() = default;

void Stream::choose_format() {
  const InputFormat input = source_->format();
  std::string name = stream_.output_format;
  if (name.empty())
    for (const char* known : {"jsonl", "csv", "tsv", "npy"})
      if (stream_.output.ends_with(std::string(".") + known)) name = known;
  if (name.empty()) name = input == InputFormat::csv ? "csv" : input == InputFormat::tsv ? "tsv" : "jsonl";
  format_ = name == "csv" ? OutputFormat::csv : name == "tsv" ? OutputFormat::tsv : name == "npy" ? OutputFormat::npy : OutputFormat::jsonl;
  if (wants_cells() && input != InputFormat::csv && input != InputFormat::tsv && stream_.keep_fields)
    throw UsageError("--keep-fields: " + name + " has columns of one input only when that is CSV or TSV, too");
  if (format_ == OutputFormat::npy && !is_file(stream_.output))
    throw UsageError("--output-format npy needs --output FILE: the number of rows stands at its beginning");
  fields_.for_tsv = format_ == OutputFormat::tsv;
  if (format_ != OutputFormat::jsonl && text_.table) throw UsageError("--table and --output-format " + name + " exclude each other");
}

// The names of the answer's parts beside the input's own.
void Stream::check_names(const std::vector<std::string>& columns) const {
  const auto refuse = [&](const std::string& name) {
    for (const std::string& other : source_->columns())
      if (other == name) throw DataError("the input has a column " + base::quoted(name) + " already; --result-field gives the answers another name");
  };
  if (format_ == OutputFormat::jsonl) {
    refuse(stream_.result_field);
    std::vector<std::string> names = source_->columns();
    std::sort(names.begin(), names.end());
    if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
      throw DataError("the input has two columns " + base::quoted(*twice) + ", which would be one key of JSON twice; --output-format csv keeps them");
  }
  if (format_ == OutputFormat::tsv && source_->format() == InputFormat::csv)
    for (const std::string& name : source_->columns())
      if (const auto kept = kept_out_of_tsv(name); !kept.empty())
        throw DataError("the input's column " + base::quoted(name) + " has " + std::string(kept) +
                        " in its name, which TSV cannot hold; --output-format csv can");
  if (wants_cells())
    for (const std::string& column : columns) refuse(stream_.result_field + "." + column);
}

std::string Stream::header(const std::vector<std::string>& columns) const {
  const char delimiter = format_ == OutputFormat::tsv ? '\t' : ',';
  const bool kept = source_->format() == InputFormat::csv || source_->format() == InputFormat::tsv;
  if (kept && stream_.no_header) return "";
  std::string line;
  bool first = true;
  const auto add = [&](const std::string& name) {
    if (!first) line += delimiter;
    first = false;
    append_field(line, name, delimiter);
  };
  if (kept) {
    for (const std::string& column : source_->columns()) add(column);
  } else {
    add("text");
  }
  for (const std::string& column : columns) {
    add(kept ? stream_.result_field + "." + column : column);
  }
  return line + "\n";
}

void Stream::open_output(std::vector<std::string> columns, const std::string& fingerprint, const std::optional<Matrix>& npy) {
  matrix_ = npy;
  if (format_ == OutputFormat::npy && !npy) throw UsageError("--output-format npy is for embeddings of one kind");
  check_names(columns);
  const std::string first = wants_cells() ? header(columns) : format_ == OutputFormat::npy ? npy_header(npy->type, 0, npy->columns) : "";
  fingerprint_ = base::dump(json({fingerprint, text_.input, static_cast<int>(source_->format()), static_cast<int>(format_), stream_.text_field,
                                  stream_.pair_field, stream_.keep_fields, stream_.result_field, stream_.no_header, stream_.errors}));
  if (stream_.resume && fs::exists(progress_path())) return resume(fingerprint_);
  std::error_code ignored;
  // A run that was ended before its first account has no more than the beginning, if that.
  if (stream_.resume && fs::is_regular_file(stream_.output, ignored) && fs::file_size(stream_.output, ignored) > first.size())
    throw DataError(stream_.output + ": there is no " + progress_path() +
                    ": that run is complete, or was of an older version; without --resume it begins anew");
  if (!stream_.errors.empty()) errors_ = std::make_unique<Output>(stream_.errors);
  if (is_file(stream_.output)) {
    output_ = std::make_unique<Output>(stream_.output);
    if (format_ == OutputFormat::npy && !output_->regular_file())
      throw UsageError("--output " + stream_.output + ": is no regular file, but of .npy the number of rows is written last, at the beginning");
    if (resumable()) fs::remove(progress_path(), ignored);  // it was of what has just been emptied
  } else {
    output_ = std::make_unique<Output>(text_.json || format_ != OutputFormat::jsonl, text_.table);
  }
  output_->write(first);
  if (resumable()) settle(true);
}

void Stream::resume(const std::string& fingerprint) {
  json saved;
  try {
    saved = base::read_json_file(progress_path(), {.max_bytes = 1 << 20});
    if (saved.at("options") != fingerprint) throw DataError(progress_path() + ": is of a run with other options; without --resume it begins anew");
    const auto number = [&](const char* key) { return saved.at(key).get<std::uint64_t>(); };
    place_ = settled_place_ = {number("input_bytes"), number("lines")};
    answered_ = settled_answered_ = number("answered");
    bad_ = settled_bad_ = number("bad");
    settled_bytes_ = number("output_bytes");
    settled_errors_ = number("errors_bytes");
    saved_lines_ = settled_place_.lines;
  } catch (const json::exception&) {
    throw DataError(progress_path() + ": is damaged; without --resume the run begins anew");
  } catch (const base::Error& error) {
    throw DataError(error.what());
  }
  output_ = std::make_unique<Output>(stream_.output, settled_bytes_);
  if (!stream_.errors.empty()) errors_ = std::make_unique<Output>(stream_.errors, settled_errors_);
  source_->skip_to(place_);
}

void Stream::append_line(std::string& out, const Record& record, const Answer& answer) const {
  const bool columns = !record.cells.empty();
  if (wants_cells()) {
    const char delimiter = format_ == OutputFormat::tsv ? '\t' : ',';
    const bool same = (format_ == OutputFormat::csv) == (source_->format() == InputFormat::csv);
    if (columns && same) {
      out += record.line;
    } else if (columns) {
      for (std::size_t i = 0; i < record.cells.size(); ++i) {
        if (i > 0) out += delimiter;
        append_field(out, record.cells[i], delimiter);
      }
    } else {
      append_field(out, record.text, delimiter);
    }
    for (const std::string& cell : answer.cells) {
      out += delimiter;
      append_field(out, cell, delimiter);
    }
  } else if (columns) {
    out += "{";
    for (std::size_t i = 0; i < record.cells.size(); ++i) {
      append_string(out, i < source_->columns().size() ? source_->columns()[i] : std::to_string(i + 1));
      out += ':';
      append_string(out, record.cells[i]);
      out += ',';
    }
    append_string(out, stream_.result_field);
    out += ":{" + answer.json + "}}";
  } else if (stream_.keep_fields && source_->format() == InputFormat::jsonl) {
    // The object as it was written, but for its end.
    std::string_view object = record.line;
    object = object.substr(0, object.find_last_of('}'));
    out += object;
    out += std::string_view("{,").find(object[object.find_last_not_of(" \t\r\v\f")]) == std::string_view::npos ? "," : "";
    append_string(out, stream_.result_field);
    out += ":{" + answer.json + "}}";
  } else {
    out += "{";
    append_texts(out, record);
    out += answer.json + "}";
  }
  out += '\n';
}

void Stream::write_rows(std::size_t count, const Row& row) {
  std::size_t at_a_time = kFewRows;
  for (std::size_t first = 0; first < count;) {
    const std::size_t some = std::min(at_a_time, count - first);
    if (rows_.size() < some) rows_.resize(some);
    std::vector<std::exception_ptr> failures(some);
    pool_.parallel_for(some, [&](std::size_t i, std::size_t) noexcept {
      try {
        rows_[i].clear();
        row(first + i, rows_[i]);
      } catch (...) {
        failures[i] = std::current_exception();
      }
    });
    std::size_t bytes = 1;
    for (std::size_t i = 0; i < some; ++i) {
      if (failures[i]) std::rethrow_exception(failures[i]);
      output_->write(rows_[i]);
      bytes += rows_[i].size();
      if (rows_[i].capacity() > kKeptRowBytes) std::string().swap(rows_[i]);
    }
    first += some;
    // Enough at a time to be worth the threads' while, and little enough to bound memory.
    at_a_time = std::max(kFewRows, kRowsBytes / (bytes / some + 1));
  }
}

void Stream::set_aside(std::uint64_t line, const std::string& reason) {
  ++bad_;
  errors_->write(base::dump(json({{"line", line}, {"reason", reason}})) + "\n");
}

void Stream::settle(bool save) {
  output_->flush();
  if (errors_) errors_->flush();
  settled_place_ = place_;
  settled_answered_ = answered_;
  settled_bad_ = bad_;
  settled_bytes_ = output_->flushed();
  settled_errors_ = errors_ ? errors_->flushed() : 0;
  if (save && resumable()) save_progress();
}

// What is in the files must be on the disk before anyone relies on it.
void Stream::secure() {
  if (format_ == OutputFormat::npy) output_->overwrite(0, npy_header(matrix_->type, (settled_bytes_ - kNpyHeaderBytes) / matrix_->row_bytes, matrix_->columns));
  output_->sync();
  if (errors_) errors_->sync();
}

void Stream::save_progress() {
  secure();
  const json state = {{"options", fingerprint_}, {"input_bytes", settled_place_.bytes}, {"lines", settled_place_.lines},  {"answered", settled_answered_},
                      {"bad", settled_bad_},     {"output_bytes", settled_bytes_},      {"errors_bytes", settled_errors_}};
  const std::string temporary = unfinished_progress_path();
  std::error_code failed;
  try {
    Output file(temporary);
    file.write(state.dump() + "\n");
    file.flush();
    file.sync();
  } catch (const DataError&) {
    fs::remove(temporary, failed);
    throw;
  }
  fs::rename(temporary, progress_path(), failed);
  if (failed) throw DataError(progress_path() + ": cannot write: " + failed.message());
  saved_lines_ = settled_place_.lines;
}

void Stream::finish() {
  settle(false);
  if (resumable()) {
    secure();
    std::error_code ignored;
    fs::remove(progress_path(), ignored);
  }
  if (bad_ > 0) std::cerr << "berth: " << bad_ << " of " << answered_ + bad_ << " lines could not be answered: see " << base::printable(stream_.errors) << '\n';
}

// On a full disk there is room for an account only where a part of the output was.
void Stream::save_what_there_is() {
  try {
    return save_progress();
  } catch (const DataError&) {}
  try {
    output_->cut(settled_bytes_);
    if (errors_ && errors_->regular_file()) errors_->cut(settled_errors_);
    save_progress();
  } catch (const DataError&) {  // the last account still holds
  }
}

void Stream::run(const ChunkLimits& limits, const Process& process) {
  const InterruptGuard guard;
  const auto hint = [&] { return "; --resume goes on behind line " + std::to_string(saved_lines_); };
  int signal = 0;
  try {
    run_chunks(limits, process);
    signal = interrupted();
    if (signal == 0) return finish();
    settle(true);
  } catch (const DataError& error) {
    if (!resumable()) throw;
    save_what_there_is();
    throw DataError(error.what() + hint());
  }
  throw Interrupted{signal, "interrupted after " + std::to_string(answered_) + " answers" + (resumable() ? hint() : "")};
}

void Stream::run_chunks(const ChunkLimits& limits, const Process& process) {
  cli::Progress progress(!output_->terminal(), "lines");
  const bool goes_on = errors_ != nullptr && !stream_.strict;
  const RowFailure failed = !goes_on ? RowFailure() : [&](const Record& record, const std::string& reason) {
    set_aside(record.first_line, reason);
    --answered_;
  };
  std::vector<Record> records;
  auto saved = Clock::now();
  for (bool more = true; more && interrupted() == 0;) {
    try {
      more = source_->next_chunk(records, limits);
      if (!more) break;
    } catch (const BadLine& bad) {
      Place end = bad.end;
      if (goes_on && bad.open) {
        const auto found = source_->skip_line();
        if (!found) break;  // a signal: a resumed run looks at it again
        end = *found;
      }
      if (!goes_on) settle(false);  // without this line, so that a resumed run looks at it again
      if (errors_) set_aside(bad.line, without_place(bad.what(), source_->name() + ": line " + std::to_string(bad.line)));
      if (!goes_on) {
        if (errors_) errors_->flush();
        throw;
      }
      place_ = end;
      continue;
    }
    try {
      answered_ += records.size();
      process_rows(records, process, failed);
    } catch (const DataError&) {
      output_->flush();
      throw;
    }
    place_ = records.back().end;
    const bool save = Clock::now() - saved >= kSaveEvery;
    settle(save);
    if (save) saved = Clock::now();
    progress.update(answered_, source_->bytes_read(), source_->total_bytes());
  }
}

}  // namespace berth::cli
