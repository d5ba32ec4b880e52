// What every fuzz target has: LLVMFuzzerTestOneInput, which libFuzzer or replay_main.cpp calls, and seeds to begin with.
//
// A target is one file fuzz/NAME_fuzz.cpp and one line in fuzz/CMakeLists.txt. It becomes two programs: NAME_fuzz with libFuzzer (clang,
// -DBERTH_BUILD_FUZZ=ON; fuzz/run.sh runs them all), and NAME_replay without, an ordinary test that runs the seeds, what lies in
// fuzz/corpus/NAME/ (inputs that once went wrong) and some thousand small changes of both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/utf8.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace berth::fuzz {

// Well-formed inputs of every kind the target knows. Weak: a target may do without.
[[gnu::weak]] std::vector<std::string> seeds();

[[noreturn]] inline void crash(const char* what, std::string_view detail = {}) {
  std::fprintf(stderr, "fuzz target: %s: %.*s\n", what, static_cast<int>(detail.size()), detail.data());
  std::abort();
}
inline void require(bool condition, const char* what) {
  if (!condition) crash(what);
}

// Runs `action`; base::Error is the one thing it may throw, with a presentable message and not as a bug of ours. True when it threw nothing.
template <class Action>
bool only_errors(Action&& action) {
  try {
    action();
    return true;
  } catch (const base::Error& error) {
    const std::string_view message = error.what();
    if (error.code() == base::ErrorCode::internal) crash("an internal error", message);
    if (base::find_invalid_utf8(message) != std::string_view::npos) crash("a message that is not UTF-8", message);
    if (message.size() > 16384) crash("a message that carries the file", message.substr(0, 200));
    return false;
  }
}

}  // namespace berth::fuzz
