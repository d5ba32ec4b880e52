// What can end a run, and the exit status each of them means (main.cpp turns one into the other).
#pragma once

#include <stdexcept>
#include <string>

namespace berth::cli {

enum ExitStatus : int { kGood = 0, kBadData = 1, kBadUsage = 2 };

// The input or the model is at fault: exit status 1.
struct DataError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The command line is at fault: exit status 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The reader of our output went away (`berth ... | head`): exit status 1, and nothing to say about it.
struct OutputClosed {};

// A signal ended the run at a good place: exit status 128 and its number, as shells have it.
struct Interrupted {
  int signal;
  std::string message;
};

}  // namespace berth::cli
