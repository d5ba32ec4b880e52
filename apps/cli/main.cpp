// berth: the command line. Reads the arguments, runs one command, turns what went wrong into an exit status.
#include <algorithm>
#include <csignal>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "apps/cli/commands.hpp"
#include "apps/cli/errors.hpp"
#include "base/error.hpp"
#include "base/lost_pages.hpp"

namespace berth::cli {
namespace {

// A path in the message may hold any bytes; the message is lines of text.
int fail(const std::string& message, ExitStatus status) {
  std::string text = "berth: ";
  std::string_view rest = message;
  for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    text += base::printable(rest.substr(0, end)) + '\n';
    rest.remove_prefix(end + 1);
  }
  std::cerr << text + base::printable(rest) + '\n';
  return status;
}

// The kernel drops signals that a container's first process leaves to their default action: without a handler `docker stop` would have to kill
// it. 128 and the signal's number is what shells and containers report for a process that a signal ended. Nothing is lost: answers are whole
// lines, written as they come.
void end_on_signals_as_first_process() {
  if (getpid() != 1) return;
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM}) std::signal(number, [](int received) { _exit(128 + received); });
}

// Started without standard streams, the first file that is opened would become one of them, and messages would be written into it. What stands in
// their place can be neither read nor written.
void keep_standard_streams() {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (::fcntl(stream, F_GETFD) < 0) ::open("/", O_PATH | O_CLOEXEC);  // the lowest that is free: this one
  }
}

int parse_and_run(std::vector<std::string> arguments) {
  CommandLine line;
  describe(line);
  if (!line.parse(std::move(arguments))) return 0;
  line.run();
  return line.status;
}

}  // namespace

int main_with_status(std::vector<std::string> arguments) {
  try {
    return parse_and_run(std::move(arguments));
  } catch (const OutputClosed&) {
    return kBadData;
  } catch (const Interrupted& interrupted) {
    fail(interrupted.message, kBadData);
    return 128 + interrupted.signal;
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
  berth::cli::keep_standard_streams();
  std::signal(SIGPIPE, SIG_IGN);      // a closed pipe is an error of write(), see Output
  std::signal(SIGXFSZ, SIG_IGN);      // and so is a file that may not grow
  berth::base::survive_lost_pages();  // a model's file that is cut short is an error of the call that needed it
  berth::cli::end_on_signals_as_first_process();
  return berth::cli::main_with_status({argv + 1, argv + argc});
}
