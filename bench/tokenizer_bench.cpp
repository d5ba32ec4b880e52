// Tokenizing speed on one thread: lines of a text, and single texts of a megabyte that tempt an algorithm to be quadratic.
// BERTH_BENCH_TOKENIZER names a tokenizer directory, BERTH_BENCH_TEXT a text file; both are needed.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.hpp"

namespace {

using berth::tokenizer::Tokenizer;

const Tokenizer* tokenizer(benchmark::State& state) {
  const char* directory = std::getenv("BERTH_BENCH_TOKENIZER");
  if (directory == nullptr) {
    state.SkipWithError("set BERTH_BENCH_TOKENIZER to a tokenizer directory");
    return nullptr;
  }
  static const Tokenizer loaded = Tokenizer::load(directory);
  return &loaded;
}

void lines(benchmark::State& state) {
  const Tokenizer* loaded = tokenizer(state);
  if (loaded == nullptr) return;
  const char* path = std::getenv("BERTH_BENCH_TEXT");
  std::ifstream in(path != nullptr ? path : "");
  std::vector<std::string> texts;
  std::int64_t bytes = 0;
  for (std::string line; std::getline(in, line);) {
    bytes += static_cast<std::int64_t>(line.size()) + 1;
    texts.push_back(std::move(line));
  }
  if (texts.empty()) return state.SkipWithError("set BERTH_BENCH_TEXT to a text file");
  std::int64_t tokens = 0;
  for (auto _ : state) {
    for (const std::string& text : texts) tokens += static_cast<std::int64_t>(loaded->encode(text).size());
  }
  state.SetBytesProcessed(state.iterations() * bytes);
  state.SetItemsProcessed(tokens);
}

void megabyte(benchmark::State& state, const std::string& part) {
  const Tokenizer* loaded = tokenizer(state);
  if (loaded == nullptr) return;
  std::string text;
  while (text.size() < (1u << 20)) text += part;
  for (auto _ : state) benchmark::DoNotOptimize(loaded->encode(text));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

BENCHMARK(lines)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(megabyte, one_word, "a")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(megabyte, one_accented_word, "\u00e9")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(megabyte, emoji, "\U0001F600")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(megabyte, hangul_word, "\uac01")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(megabyte, spaces, " ")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(megabyte, ideographs, "\u4e2d")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(megabyte, marks_out_of_order, "\u0301\u0316")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(megabyte, punctuation, "!")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(megabyte, almost_added_tokens, "[MASK")->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
