// berth: the command line. Reads the arguments, runs one command, turns what went wrong into an exit status.
#include <algorithm>
#include <csignal>
#include <exception>
#include <iostream>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "apps/cli/commands.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/version.hpp"

namespace berth::cli {
namespace {

int fail(const std::string& message, ExitStatus status) {
  std::cerr << "berth: " << message << '\n';
  return status;
}

// Says that a command takes texts: CLI11 does not know (see text_arguments).
class Formatter : public CLI::Formatter {
  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string usage = CLI::Formatter::make_usage(app, name);
    const auto end = usage.find_last_not_of('\n');
    if (end != std::string::npos && app->get_option_no_throw("--input") != nullptr) usage.insert(end + 1, " [TEXT...]");
    return usage;
  }
};

void describe(CommandLine& line) {
  line.app.name("berth");
  line.app.description("Runs BERT-style encoders on CPUs: text in, labels and embeddings out.");
  line.app.require_subcommand(1);
  line.app.set_version_flag("--version", version_text);
  line.app.formatter(std::make_shared<Formatter>());
  line.app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  line.app.footer(
      "Texts come as arguments (after -- when they begin with -), from --input FILE, or from standard input.\n"
      "Exit status: 0 good, 1 the input or the model is at fault, 2 the command line is.\n"
      "berth COMMAND --help describes a command.");
  add_classify(line);
  add_encode(line);
  add_similarity(line);
  add_tag(line);
  add_rerank(line);
  add_zero_shot(line);
  add_fill_mask(line);
  add_answer(line);
  add_tokenize(line);
  add_info(line);
  add_calibrate_ranges(line);
  add_bench(line);
  add_eval(line);
  add_verify(line);
  for (CLI::App* command : line.app.get_subcommands({})) command->allow_extras();
}

// The kernel drops signals that a container's first process leaves to their default action: without a handler `docker stop` would have to kill
// it. 128 and the signal's number is what shells and containers report for a process that a signal ended. Nothing is lost: answers are whole
// lines, written as they come.
void end_on_signals_as_first_process() {
  if (getpid() != 1) return;
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM}) std::signal(number, [](int received) { _exit(128 + received); });
}

int parse_and_run(std::vector<std::string> arguments) {
  CommandLine line;
  describe(line);
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  if (dashes != arguments.end()) {
    line.after_dashes.assign(dashes + 1, arguments.end());
    arguments.erase(dashes, arguments.end());
  }
  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    line.app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return line.app.exit(error);  // --help, --version
    return fail(std::string(error.what()) + " (see berth --help)", kBadUsage);
  }
  line.run();
  return kGood;
}

}  // namespace

int main_with_status(std::vector<std::string> arguments) {
  try {
    return parse_and_run(std::move(arguments));
  } catch (const OutputClosed&) {
    return kBadData;
  } catch (const UsageError& error) {
    return fail(error.what(), kBadUsage);
  } catch (const std::bad_alloc&) {
    return fail("out of memory", kBadData);
  } catch (const std::exception& error) {  // DataError, berth::Error
    return fail(error.what(), kBadData);
  }
}

}  // namespace berth::cli

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write(), see Output
  berth::cli::end_on_signals_as_first_process();
  return berth::cli::main_with_status({argv + 1, argv + argc});
}
