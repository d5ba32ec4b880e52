// A profile's rules in a child that is forked while other threads match texts: RE2 builds its automata as it goes, under locks.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/profile/classifier.hpp"
#include "engine/profile/rules.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/support/forked.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::test {
namespace {

using engine::RuleHit;
using engine::RuleSet;
using engine::RuleSpec;

// Their automata have more states than RE2 keeps, so that every text adds some and now and then all are thrown away, which takes the cache's lock alone.
std::vector<RuleSpec> greedy_rules() {
  std::vector<RuleSpec> rules(2);
  rules[0].patterns = {"a[ab]{40}c", "b[ab]{30}d"};
  rules[1].patterns = {"(ab|ba|aab){3,25}e"};
  return rules;
}

std::string letters(std::mt19937& random, std::size_t size) {
  std::string text(size, 'a');
  for (char& c : text) c = random() % 2 == 0 ? 'a' : 'b';
  return text;
}

// What a child does: 0 when every rule hits as it should.
int match_all(const RuleSet& rules, unsigned seed) {
  std::mt19937 random(seed);
  for (int i = 0; i < 40; ++i) {
    const std::string text = letters(random, 300);
    if (!rules.match(text).empty()) return 1;
    const std::vector<RuleHit> hits = rules.match(text + "c abababe");
    if (hits.size() != (text[text.size() - 41] == 'a' ? 2U : 1U)) return 2;
  }
  return 0;
}

// The allocator of GCC 12's AddressSanitizer does not let go of its locks in a child.
#if !defined(__SANITIZE_ADDRESS__)
TEST(ProfileFork, RulesWhileOtherThreadsMatch) {
  const RuleSet rules(greedy_rules());
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (unsigned i = 0; i < 3; ++i)
    callers.emplace_back([&, i] {
      for (unsigned seed = i; !stop; seed += 3) wrong += match_all(rules, seed);
    });
  int failed = 0;
  for (unsigned i = 0; i < 60 && failed == 0; ++i) {
    const int status = status_of(fork_child([&] { return match_all(rules, i); }));
    EXPECT_EQ(status, 0) << "fork " << i;
    failed += status;
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

// The whole of it: texts against examples and rules, and a child that loads a profile for itself while its parent does.
TEST(ProfileFork, ClassifierWhileOtherThreadsClassifyAndLoad) {
  const TempDirectory folder;
  const std::filesystem::path file = folder.path() / "p.json";
  std::ofstream(file) << R"({"model": ")" << BERTH_SOURCE_DIR << R"(/weights/intent", "default": "other", "labels": {"card": {"examples": ["I lost my card"]},
    "other": {"examples": []}}, "rules": [{"action": "set", "label": "card", "patterns": ["a[ab]{40}c"]}]})";
  const auto load = [&] { return engine::Classifier::load(file, {.load = {.threads = 2, .precision = {}}}); };
  const auto classifier = load();
  const std::string hit(60, 'a'), miss = "play some music";
  const std::vector<std::string> texts = {hit + "c", miss, "I lost my card"};
  const auto right = [&](const engine::Classifier& one) {
    const engine::Decisions decisions = one.run(text_inputs(texts), nullptr);
    return decisions.items[0].label == 0 && decisions.items[1].label == 1 && decisions.items[2].label == 0;
  };
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::thread caller([&] {
    while (!stop) wrong += right(*classifier) ? 0 : 1;
  });
  std::thread loader([&] {
    while (!stop) wrong += right(*load()) ? 0 : 1;
  });
  for (int i = 0; i < 12; ++i) {
    const int status = status_of(fork_child([&] { return right(*classifier) && right(*load()) ? 0 : 1; }));
    EXPECT_EQ(status, 0) << "fork " << i;
    if (status != 0) break;
  }
  stop = true;
  caller.join();
  loader.join();
  EXPECT_EQ(wrong, 0);
}
#endif

}  // namespace
}  // namespace berth::test
