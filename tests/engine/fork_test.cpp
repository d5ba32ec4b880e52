// Hosts that fork after loading: gunicorn --preload, multiprocessing, Celery. Every child gets the bits that its parent gets, from workers of its own.
#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/support/forked.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/threads.hpp"

namespace berth::test {
namespace {

using engine::Model;

// Enough for products to be split between threads.
const std::vector<std::string> kForkTexts = {"why was my card declined at the supermarket yesterday although there is money in my account",
                                             "what a wonderful film",
                                             "",
                                             "set an alarm for six in the morning and another one for seven in case I do not hear the first",
                                             "transfer money to savings please",
                                             "how long does it take until a new password works for every service of the university"};

std::unique_ptr<const Model> load(int threads, const std::string& precision) {
  return Model::load(std::string(BERTH_SOURCE_DIR) + "/weights/intent", {.threads = threads, .precision = precision});
}

std::vector<float> encode(const Model& model) { return encode_texts(model, kForkTexts); }

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

struct Case {
  int threads;
  const char* precision;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.threads << " threads, " << c.precision; }

class Fork : public testing::TestWithParam<Case> {
 protected:
  Fork() : model_(load(GetParam().threads, GetParam().precision)) {}

  // What a child does: 0 when all is well.
  int child_result() const {
    for (int round = 0; round < 3; ++round)
      if (!same_bits(encode(*model_), expected_)) return 1;
    if (!kSanitized && threads_of_this_process() != GetParam().threads) return 2;  // this one and its workers; a sanitizer has threads of its own
    return 0;
  }

  std::unique_ptr<const Model> model_;
  std::vector<float> expected_ = encode(*model_);
};

TEST_P(Fork, SeveralChildrenWhileTheParentGoesOn) {
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(fork_child([&] { return child_result(); }));
    EXPECT_TRUE(same_bits(encode(*model_), expected_));
  }
  for (const pid_t child : children) EXPECT_EQ(status_of(child), 0);
  EXPECT_TRUE(same_bits(encode(*model_), expected_));
}

TEST_P(Fork, ChildOfAChild) {
  const pid_t child = fork_child([&] {
    if (const int result = child_result(); result != 0) return result;
    const pid_t grandchild = fork_child([&] { return child_result(); });
    if (const int result = child_result(); result != 0) return 10 + result;
    const int below = status_of(grandchild);
    return below == 0 ? 0 : 20 + below;
  });
  EXPECT_EQ(status_of(child), 0);
}

// The allocator of GCC 12's AddressSanitizer does not let go of its locks in a child, which hangs when another thread was allocating.
#if !defined(__SANITIZE_ADDRESS__)
// Locks, scratch and workers are in the middle of something when the fork comes.
TEST_P(Fork, WhileOtherThreadsEncode) {
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i)
    callers.emplace_back([&] {
      while (!stop) wrong += same_bits(encode(*model_), expected_) ? 0 : 1;
    });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(status_of(fork_child([&] { return child_result(); })), 0) << "fork " << i;
  stop = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

// Loading compiles patterns under a lock, and a child may load what its parent has not.
TEST_P(Fork, WhileAnotherThreadLoadsAndTheChildLoadsToo) {
  std::atomic<bool> stop{false};
  std::thread loader([&] {
    while (!stop) load(GetParam().threads, GetParam().precision);
  });
  for (int i = 0; i < 8; ++i) {
    const pid_t child = fork_child([&] { return same_bits(encode(*load(GetParam().threads, GetParam().precision)), expected_) ? 0 : 1; });
    EXPECT_EQ(status_of(child), 0) << "fork " << i;
  }
  stop = true;
  loader.join();
}
#endif

TEST_P(Fork, ChildFreesTheModel) {
  EXPECT_EQ(status_of(fork_child([&] { return model_.reset(), 0; })), 0) << "without having used it";
  EXPECT_EQ(status_of(fork_child([&] {
              const int result = child_result();
              model_.reset();
              return result;
            })),
            0)
      << "after having used it";
}

#if !defined(__SANITIZE_ADDRESS__)  // to whom what other threads of the parent held is a leak
// exit() runs what the libraries have for the end of a process.
TEST_P(Fork, ChildEndsInOrder) {
  std::atomic<bool> stop{false};
  std::thread caller([&] {
    while (!stop) encode(*model_);
  });
  for (int i = 0; i < 10; ++i) {
    const pid_t child = fork();
    if (child == 0) exit(child_result());
    EXPECT_EQ(status_of(child), 0) << "fork " << i;
  }
  stop = true;
  caller.join();
}
#endif

INSTANTIATE_TEST_SUITE_P(Threads, Fork, testing::Values(Case{1, "fp32"}, Case{2, "fp32"}, Case{2, "int8"}, Case{5, "fp32"}));

}  // namespace
}  // namespace berth::test
