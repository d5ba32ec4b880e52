// How many threads this process has.
#pragma once

#include <fstream>
#include <string>

namespace berth::test {

inline int threads_of_this_process() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "Threads:" && status >> word) return std::stoi(word);
  return 0;
}

}  // namespace berth::test
