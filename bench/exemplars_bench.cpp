// How long a text's comparison with the examples of a profile takes: examples x dimensions, one query, on BERTH_BENCH_THREADS threads (2).
// The argument BERTH_BENCH_MODEL names a directory (any model: it lends kernels and threads).
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "engine/profile/exemplars.hpp"

namespace {

using namespace berth::engine;

void compare(benchmark::State& state) {
  const char* directory = std::getenv("BERTH_BENCH_MODEL");
  if (directory == nullptr) return state.SkipWithError("set BERTH_BENCH_MODEL to a model directory");
  const char* threads = std::getenv("BERTH_BENCH_THREADS");
  LoadOptions load;
  load.threads = threads == nullptr ? 2 : std::atoi(threads);
  const auto model = Model::load(directory, load);
  const auto examples = static_cast<std::size_t>(state.range(0)), dimensions = static_cast<std::size_t>(state.range(1)),
             queries = static_cast<std::size_t>(state.range(2));
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0F, 1.0F / std::sqrt(static_cast<float>(dimensions)));
  std::vector<float> vectors(examples * dimensions), query(queries * dimensions);
  for (float& value : vectors) value = normal(random);
  for (float& value : query) value = normal(random);
  constexpr std::size_t kLabels = 100;
  ProfileSpec profile;
  profile.labels.resize(kLabels);
  for (LabelSpec& label : profile.labels) label.examples.resize(examples / kLabels);
  const Exemplars exemplars(profile, vectors, dimensions, model->compute());
  std::vector<float> scores(queries * kLabels), similarity(queries * kLabels);
  std::vector<std::uint32_t> nearest(queries * kLabels);
  for (auto _ : state) exemplars.score(model->compute(), query.data(), queries, {scores.data(), nearest.data(), similarity.data()});
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(queries));
}

BENCHMARK(compare)
    ->Args({100'000, 384, 1})
    ->Args({100'000, 192, 1})
    ->Args({1'000, 384, 1})
    ->Args({100'000, 384, 64})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
