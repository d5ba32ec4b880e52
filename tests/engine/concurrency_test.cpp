// Many host threads share one model: each gets what it would get alone. Small on purpose, since ThreadSanitizer runs it too.
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "tests/engine/inputs.hpp"

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

INSTANTIATE_TEST_SUITE_P(Precisions, Concurrency, testing::Values("fp32", "int8"));

}  // namespace
}  // namespace berth::test
