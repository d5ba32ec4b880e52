// berth's half of the comparison with Hugging Face `tokenizers`; tokenizers.cjs runs it. Arguments: a tokenizer directory, a text file. For every line
// on standard input (milliseconds) it encodes all lines of the text again and again for that long, on one thread, and prints the median pass in
// milliseconds, the tokens of a pass and the sum of their ids.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "tokenizer/tokenizer.hpp"

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point begin) { return std::chrono::duration<double, std::milli>(Clock::now() - begin).count(); }

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) return 2;
  const Clock::time_point load = Clock::now();
  const auto tokenizer = berth::tokenizer::Tokenizer::load(argv[1]);
  std::printf("%.3f\n", milliseconds_since(load));
  std::fflush(stdout);
  std::ifstream in(argv[2]);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(std::move(line));
  for (std::string command; std::getline(std::cin, command);) {
    const double slice = std::atof(command.c_str());
    std::vector<double> passes;
    std::size_t tokens = 0;
    std::uint64_t sum = 0;
    for (const Clock::time_point begin = Clock::now(); passes.empty() || milliseconds_since(begin) < slice;) {
      const Clock::time_point pass = Clock::now();
      std::vector<berth::tokenizer::Encoding> encodings;  // all of them, as a batch call returns them
      encodings.reserve(lines.size());
      for (const std::string& line : lines) encodings.push_back(tokenizer.encode(line));
      passes.push_back(milliseconds_since(pass));
      tokens = 0;
      sum = 0;
      for (const auto& encoding : encodings) {
        tokens += encoding.size();
        for (const std::int32_t id : encoding.ids) sum += static_cast<std::uint64_t>(id);
      }
    }
    std::nth_element(passes.begin(), passes.begin() + static_cast<std::ptrdiff_t>(passes.size() / 2), passes.end());
    std::printf("%.4f %zu %llu\n", passes[passes.size() / 2], tokens, static_cast<unsigned long long>(sum));
    std::fflush(stdout);
  }
  return 0;
} catch (const berth::base::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
