// The commands of berth. Each file in commands/ adds one to the command line.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace berth::cli {

struct CommandLine {
  CLI::App app;
  std::vector<std::string> after_dashes;  // what follows "--": texts, whatever they look like
  std::function<void()> run;              // set while parsing, by the command that was named
  int status = 0;                         // of a run that ended by itself
};

// Adds all commands and options to `line`, whose parse() then sets `run`. The man pages are made from the same tables (documentation.cpp).
void describe(CommandLine& line);

void add_classify(CommandLine& line);
void add_encode(CommandLine& line);
void add_similarity(CommandLine& line);
void add_tag(CommandLine& line);
void add_rerank(CommandLine& line);
void add_zero_shot(CommandLine& line);
void add_fill_mask(CommandLine& line);
void add_answer(CommandLine& line);
void add_tokenize(CommandLine& line);
void add_info(CommandLine& line);
void add_calibrate_ranges(CommandLine& line);
void add_bench(CommandLine& line);
void add_eval(CommandLine& line);
void add_verify(CommandLine& line);
void add_profile(CommandLine& line);
void add_serve(CommandLine& line);
void add_health(CommandLine& line);

// The texts given as arguments to `command`, in order. They are what CLI11 has not recognised, because its own lists of strings change some of
// them ("[a, b]" would become two). Throws UsageError for an unknown option.
std::vector<std::string> text_arguments(const CommandLine& line, const CLI::App& command);
// Throws UsageError when there is any.
void refuse_arguments(const CommandLine& line, const CLI::App& command);

}  // namespace berth::cli
