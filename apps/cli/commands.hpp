// The commands of berth. Each file in commands/ adds one to the command line.
#pragma once

#include "apps/cli/command.hpp"

namespace berth::cli {

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

}  // namespace berth::cli
