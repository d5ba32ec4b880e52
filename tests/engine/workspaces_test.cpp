// What a burst made workspaces grow to goes again.
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/support/sanitized.hpp"

namespace berth::engine {
namespace {

std::unique_ptr<const Model> load(int threads, const char* precision) {
  return Model::load(std::string(BERTH_SOURCE_DIR) + "/weights/intent", {.threads = threads, .precision = precision});
}

void encode_rows(const Model& model, std::size_t rows, std::size_t length, std::size_t batch_tokens = 0) {
  const std::vector<std::int32_t> ids(length, 7);
  const std::vector<berth_input> inputs(rows, test::ids_input(ids));
  std::vector<float> out(rows * model.embedding_size());
  model.encode(inputs, {.batch_tokens = batch_tokens}, out.data(), nullptr, nullptr);
}

// What a workspace holds is the same in every build; one of a sanitizer takes its time over it.
std::vector<const char*> precisions() { return test::kSanitized ? std::vector<const char*>{"int8"} : std::vector<const char*>{"fp32", "int8"}; }

TEST(Workspaces, ShrinkAfterALargeBatch) {
  for (const char* precision : precisions()) {
    const auto model = load(2, precision);
    encode_rows(*model, 1, 16);
    encode_rows(*model, 256, 128, 1 << 20);
    const std::size_t grown = model->workspaces().idle_bytes();
    EXPECT_GT(grown, std::size_t{20} << 20) << precision;
    for (int i = 0; i < 10; ++i) encode_rows(*model, 1, 16);
    EXPECT_EQ(model->workspaces().idle_bytes(), grown) << "a batch like that may come again soon";
    for (std::size_t i = 0; i < 12 * WorkspacePool::kForgetCalls; ++i) encode_rows(*model, 1, 16);
    EXPECT_LT(model->workspaces().idle_bytes(), std::size_t{2} << 20) << precision;
  }
}

// Calls that are refused before they compute anything need nothing.
TEST(Workspaces, ShrinkWhileCallsAreRefused) {
  const auto model = load(2, "fp32");
  encode_rows(*model, 64, 128, 1 << 20);
  EXPECT_GT(model->workspaces().idle_bytes(), std::size_t{5} << 20);
  const std::vector<std::int32_t> ids = {-1};
  const std::vector<berth_input> inputs(1, test::ids_input(ids));
  std::vector<float> out(model->embedding_size());
  for (std::size_t i = 0; i < 12 * WorkspacePool::kForgetCalls; ++i) EXPECT_THROW(model->encode(inputs, {}, out.data(), nullptr, nullptr), base::Error);
  EXPECT_LT(model->workspaces().idle_bytes(), std::size_t{2} << 20);
}

// What is for slices of many threads is there only where a batch is long enough for slices.
TEST(Workspaces, OfFewTokensDoNotGrowWithThreads) {
  std::vector<std::size_t> bytes;
  for (const int threads : {1, 64}) {
    const auto model = load(threads, "int8");
    const Compute compute = model->compute();
    const WorkspacePlan plan = plan_workspace(model->config(), Precision::int8, compute, 10, 10);
    bytes.push_back((plan.floats() - plan.attention * plan.threads) * sizeof(float));
  }
  EXPECT_EQ(bytes[0], bytes[1]);
}

// A workspace whose memory was not to be had is as large as what it holds.
TEST(Workspaces, AreEmptyWhereMemoryWasNotToBeHad) {
  if (test::kSanitized) GTEST_SKIP() << "a sanitizer's allocator ends the process instead";
  Workspace workspace;
  workspace.reserve({.hidden = 1000});
  EXPECT_THROW(workspace.reserve({.hidden = std::size_t{1} << 58}), std::bad_alloc);
  EXPECT_LT(workspace.end_use(), 1000U);
  EXPECT_LT(workspace.bytes(), 1000U);
}

// What it needed is what its largest batch did, not its last one.
TEST(Workspaces, StayWhereTheLastOfACallsBatchesIsSmall) {
  for (const char* precision : precisions()) {
    const auto model = load(2, precision);
    const std::vector<std::int32_t> many(128, 7);
    const std::vector<std::int32_t> one(1, 7);
    std::vector<berth_input> inputs(test::kSanitized ? 32 : 256, test::ids_input(many));
    inputs.resize(inputs.size() + 256, test::ids_input(one));
    std::vector<float> out(inputs.size() * model->embedding_size());
    for (int call = 0; call < 3; ++call) {
      model->encode(inputs, {}, out.data(), nullptr, nullptr);
      EXPECT_EQ(model->workspaces().idle(), 1U) << precision << ", call " << call;
    }
  }
}

TEST(Workspaces, ThoseOfManyCallersGo) {
  const auto model = load(1, "int8");
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < 16; ++i)
      callers.emplace_back([&] {
        for (int k = 0; k < 20; ++k) encode_rows(*model, 4, 64);
      });
  }
  const std::size_t most = model->workspaces().idle();
  EXPECT_GE(most, 1U);
  EXPECT_LE(most, 16U);
  for (std::size_t i = 0; i < WorkspacePool::kIdleCalls + 16; ++i) encode_rows(*model, 4, 64);
  EXPECT_EQ(model->workspaces().idle(), 1U);
}

}  // namespace
}  // namespace berth::engine
