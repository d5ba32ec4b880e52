// Many host threads share one model: each gets what it would get alone. Small on purpose, since ThreadSanitizer runs it too.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "tests/engine/expert_model.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/threads.hpp"

namespace berth::test {
namespace {

using engine::Model;

const std::vector<std::string> kTexts = {"why was my card declined", "what a wonderful film", "", "set an alarm", "transfer money to savings please"};

class Concurrency : public testing::TestWithParam<const char*> {};

TEST_P(Concurrency, ManyCallersShareOneModel) {
  const auto model = Model::load(std::string(BERTH_SOURCE_DIR) + "/weights/intent", {.threads = 2, .precision = GetParam()});
  const auto expected = encode_texts(*model, kTexts, {.batch_tokens = 1});
  std::vector<std::vector<float>> results(6);
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < results.size(); ++i) callers.emplace_back([&, i] { results[i] = encode_texts(*model, kTexts, {.batch_tokens = 1 + 20 * i}); });
  for (std::thread& caller : callers) caller.join();
  for (const auto& result : results) {
    ASSERT_EQ(result.size(), expected.size());
    EXPECT_EQ(std::memcmp(result.data(), expected.data(), expected.size() * sizeof(float)), 0);
  }
}

// Loading, using and freeing models in several threads at once.
TEST_P(Concurrency, ModelsComeAndGo) {
  std::vector<std::thread> hosts;
  std::vector<std::vector<float>> results(3);
  for (auto& result : results) {
    hosts.emplace_back([&result] {
      const auto model = Model::load(std::string(BERTH_SOURCE_DIR) + "/weights/intent", {.threads = 2, .precision = GetParam()});
      result = encode_texts(*model, kTexts, {.batch_tokens = 0});
    });
  }
  for (std::thread& host : hosts) host.join();
  for (const auto& result : results) EXPECT_EQ(result, results.front());
}

// Teams of threads that are layers apart while experts are picked (engine/experts.cpp): few tokens, and other experts in every call.
TEST_P(Concurrency, ExpertsArePickedByEachCallForItself) {
  const ExpertModel files(2);
  const auto load = [&](int threads) { return Model::load(files.directory(), {.threads = threads, .precision = GetParam()}); };
  std::vector<std::vector<std::int32_t>> rows;
  for (std::int32_t i = 0; i < 6; ++i)
    for (std::int32_t k = 0; k < 1 + 5 * i; ++k) (k == 0 ? rows.emplace_back() : rows.back()).push_back((7 * i + (i % 2 + 1) * k) % 96);
  const auto encode = [&](const Model& model, std::size_t i) { return outputs(model, {ids_input(rows[i])}); };
  const auto one = load(1);
  const auto model = load(3);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (std::size_t caller = 0; caller < 2; ++caller)
    callers.emplace_back([&, caller] {
      for (std::size_t i = caller; i < (kSanitized ? 12 : 120); ++i)
        if (encode(*model, i % rows.size()) != encode(*one, i % rows.size())) ++wrong;
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

// Many callers do not mean many workers: a model of three threads has two, whoever calls.
TEST_P(Concurrency, CallersShareTheWorkers) {
  constexpr int kCallers = 12, kThreads = 3;
  const int before = threads_of_this_process();
  const auto model = Model::load(std::string(BERTH_SOURCE_DIR) + "/weights/intent", {.threads = kThreads, .precision = GetParam()});
  const std::vector<std::string> texts(40, "a text that is long enough, with thirty nine more of them, to be worth dividing between all the threads there are");
  std::atomic<int> running{kCallers};
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      for (int k = 0; k < (kSanitized ? 1 : 10); ++k) encode_texts(*model, texts);
      --running;
    });
  }
  int most = 0;
  while (running > 0) {
    most = std::max(most, threads_of_this_process());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_GT(most, before);
  EXPECT_LE(most, before + kCallers + kThreads - 1);
}

INSTANTIATE_TEST_SUITE_P(Precisions, Concurrency, testing::Values("fp32", "int8"));

}  // namespace
}  // namespace berth::test
