// Runs a fuzz target without libFuzzer: its seeds, the files named on the command line (or all files of a directory), and small changes of each.
// `--write DIR` writes the seeds to DIR instead, for libFuzzer to begin with.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "fuzz/fuzz.hpp"

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChanges = 1500;  // per input

void run(const std::string& input) {
  // An exact copy on the heap, so that AddressSanitizer sees a read one byte too far.
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

// Cut, flip, overwrite, insert, repeat, splice: what a mutating fuzzer does in its first second, always the same.
std::string change(std::string input, const std::vector<std::string>& all, std::mt19937& random) {
  const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % std::max<std::size_t>(limit, 1)); };
  constexpr std::string_view kTokens[] = {"{",    "}",    "[",           "]", ":", ",", "\"", "\\u0000", "..", "-1", "1e999", "18446744073709551615",
                                          "null", "\xff", "\xed\xa0\x80"};
  for (std::size_t times = 1 + below(3); times > 0; --times) {
    const std::size_t at = below(input.size() + 1);
    switch (below(6)) {
      case 0: input.resize(at); break;
      case 1:
        if (at < input.size()) input[at] = static_cast<char>(static_cast<unsigned char>(input[at]) ^ (1U << below(8)));
        break;
      case 2:
        if (at < input.size()) input[at] = static_cast<char>(static_cast<unsigned char>(random()));
        break;
      case 3: input.insert(at, kTokens[below(std::size(kTokens))]); break;
      case 4: input.insert(at, input.substr(below(input.size() + 1), below(64))); break;
      default: {
        const std::string& other = all[below(all.size())];
        input = input.substr(0, at) + other.substr(below(other.size() + 1));
      }
    }
  }
  return input;
}

void add_files(const fs::path& path, std::vector<std::string>& inputs) {
  if (fs::is_directory(path)) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(path)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) add_files(file, inputs);
  } else {
    std::ifstream stream(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
}

int write_seeds(const std::vector<std::string>& seeds, const fs::path& directory) {
  fs::create_directories(directory);
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    std::ofstream stream(directory / ("seed-" + std::to_string(i)), std::ios::binary);
    stream.write(seeds[i].data(), static_cast<std::streamsize>(seeds[i].size()));
  }
  std::printf("%zu seeds\n", seeds.size());
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<std::string> inputs;
  if (berth::fuzz::seeds != nullptr) inputs = berth::fuzz::seeds();
  if (count == 3 && std::strcmp(arguments[1], "--write") == 0) return write_seeds(inputs, arguments[2]);
  for (int i = 1; i < count; ++i) add_files(arguments[i], inputs);
  run("");
  for (const std::string& input : inputs) run(input);
  std::mt19937 random(20240229);
  std::size_t changed = 0;
  for (const std::string& input : inputs) {
    for (std::size_t i = 0; i < kChanges; ++i, ++changed) run(change(input, inputs, random));
  }
  std::printf("%zu inputs and %zu changes of them\n", inputs.size() + 1, changed);
  return inputs.empty() ? 1 : 0;  // a target without any input tests nothing
}
