// Profiles: what a file may say and what is wrong with it, rules on texts, and how scores and rules become a label.
#include "engine/profile/profile.hpp"

#include <fstream>
#include <limits>

#include <gtest/gtest.h>

#include "engine/profile/decisions.hpp"
#include "engine/profile/json_lines.hpp"
#include "engine/profile/rules.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::engine {
namespace {

using base::ErrorCode;
using test::expect_error;

ProfileSpec parsed(const std::string& text) { return parse_profile(text, "folder/p.json"); }

// A profile with these fields added to the least there may be.
std::string with(const std::string& fields, const std::string& labels = R"("a":{"examples":["x"]},"b":{"examples":["y"]})") {
  return R"({"model":"m","labels":{)" + labels + "}" + (fields.empty() ? "" : "," + fields) + "}";
}

void expect_mistake(const std::vector<std::string>& fragments, const std::string& text) {
  SCOPED_TRACE(text);
  expect_error(ErrorCode::corrupt_file, fragments, [&] { parsed(text); });
}

TEST(Profile, LeastThereMayBe) {
  const ProfileSpec profile = parsed(with(""));
  EXPECT_EQ(profile.model, std::filesystem::path("folder/m"));
  ASSERT_EQ(profile.labels.size(), 2U);
  EXPECT_EQ(profile.labels[1].name, "b");
  EXPECT_EQ(profile.labels[1].examples, std::vector<std::string>{"y"});
  EXPECT_EQ(profile.labels[0].threshold, 0.5F);
  EXPECT_EQ(profile.labels[0].combine, Combine::max);
  EXPECT_FALSE(profile.default_label);
  EXPECT_FALSE(profile.rules_only_without_model);
}

TEST(Profile, Everything) {
  const ProfileSpec profile = parsed(with(
      R"("threshold":0.25,"combine":"mean-top-k","k":5,"precision":"int8","prompt":"query: ","example_prompt":"","max_length":64,"long_text":"window",
         "default":"b","without_model":"rules-only","default_without_model":"a","description":"d","$schema":"s",
         "rules":[{"name":"r","action":"raise","label":"a","phrases":["p"],"patterns":["q+"],"description":"d"}])",
      R"("a":{"examples":["x"],"priority":-3,"description":"d"},"b":{"examples":[],"threshold":-1,"combine":"centroid","k":1})"));
  EXPECT_EQ(profile.labels[0].threshold, 0.25F);
  EXPECT_EQ(profile.labels[0].combine, Combine::mean_top_k);
  EXPECT_EQ(profile.labels[0].k, 5U);
  EXPECT_EQ(profile.labels[0].priority, -3);
  EXPECT_EQ(profile.labels[1].combine, Combine::centroid);
  EXPECT_EQ(profile.labels[1].threshold, -1.0F);
  EXPECT_EQ(profile.default_label, 1U);
  EXPECT_EQ(profile.default_label_without_model, 0U);
  EXPECT_TRUE(profile.rules_only_without_model && profile.has_prompt && profile.has_example_prompt);
  EXPECT_EQ(profile.long_text, LongText::window);
  EXPECT_EQ(profile.rules[0].action, RuleAction::raise);
}

TEST(Profile, EveryMistakeHasItsPlace) {
  expect_mistake({"p.json: line 1: labels.a.threshold: expected a number from -1 to 1, got 2"}, with("", R"("a":{"examples":["x"],"threshold":2})"));
  expect_mistake({"line 2: thresold: there is no such field; there are model, labels"}, with("\n\"thresold\":1"));
  expect_mistake({"model: is missing"}, R"({"labels":{"a":{"examples":["x"]}}})");
  expect_mistake({"labels: is missing"}, R"({"model":"m"})");
  expect_mistake({"labels: expected an object of labels"}, R"({"model":"m","labels":{}})");
  expect_mistake({"labels.a.examples: is missing"}, with("", R"("a":{})"));
  expect_mistake({"labels.a.examples[1]: expected a string that is not empty, got 3"}, with("", R"("a":{"examples":["x",3]})"));
  expect_mistake({"labels.b.examples[0]: \"x\" is example 0 of label \"a\" already"}, with("", R"("a":{"examples":["x"]},"b":{"examples":["x"]})"));
  expect_mistake({"labels.a.k: expected a whole number from 1 to 1000, got 0"}, with("", R"("a":{"examples":["x"],"k":0})"));
  expect_mistake({"labels.a.k: expected", "got 1.5"}, with("", R"("a":{"examples":["x"],"k":1.5})"));
  expect_mistake({"labels.a.combine: expected \"max\", \"mean-top-k\" or \"centroid\", got \"median\""},
                 with("", R"("a":{"examples":["x"],"combine":"median"})"));
  expect_mistake({"default: \"c\" is none of the labels (a, b)"}, with(R"("default":"c")"));
  expect_mistake({"default_without_model: has a meaning only where"}, with(R"("default_without_model":"a")"));
  expect_mistake({"without_model: expected \"fail\" or \"rules-only\", got true"}, with(R"("without_model":true)"));
  expect_mistake({"rules[0].action: is missing"}, with(R"("rules":[{"label":"a","phrases":["p"]}])"));
  expect_mistake({"rules[0].label: \"z\" is none"}, with(R"("rules":[{"action":"set","label":"z","phrases":["p"]}])"));
  expect_mistake({"rules[0]: has neither"}, with(R"("rules":[{"action":"set","label":"a"}])"));
  expect_mistake({"rules[0]: has no phrase and no pattern"}, with(R"("rules":[{"action":"set","label":"a","phrases":[]}])"));
  expect_mistake({"rules[0].phrases[1]: \" \" has nothing to look for"}, with(R"("rules":[{"action":"set","label":"a","phrases":["p"," "]}])"));
  expect_mistake({"rules[0].patterns[0]: \"(a\": missing )"}, with(R"("rules":[{"action":"set","label":"a","patterns":["(a"]}])"));
  expect_mistake({"rules[0].patterns[0]", "every text"}, with(R"("rules":[{"action":"set","label":"a","patterns":["a*"]}])"));
  expect_mistake({"rules[0].patterns[0]", "invalid escape sequence"}, with(R"("rules":[{"action":"set","label":"a","patterns":["(a)\\1"]}])"));
  expect_mistake({"rules[1].name: \"n\" is the name of rules[0] already"},
                 with(R"("rules":[{"name":"n","action":"set","label":"a","phrases":["p"]},{"name":"n","action":"set","label":"a","phrases":["q"]}])"));
  expect_mistake({"expected a JSON object, got an array"}, "[]");
  expect_mistake({"folder/p.json"}, R"({"model":"m")");
}

TEST(Profile, AllMistakesAtOnce) {
  expect_mistake({"p.json: 4 mistakes\n", "\n  line 2: model: expected a string that is not empty, got 5", "\n  line 4: labels.a.threshold",
                  "\n  line 5: rules: expected an array", "\n  line 6: nothing: there is no such field"},
                 "{\n\"model\":5,\n\"labels\":{\"a\":{\"examples\":[\"x\"],\n\"threshold\":\"high\"}},\n\"rules\":{},\n\"nothing\":1}");
}

TEST(Profile, ExamplesOfAFile) {
  const test::TempDirectory folder;
  std::ofstream(folder.path() / "a.txt") << "\xEF\xBB\xBF"
                                            "first\r\n\n  \nsecond line\nthird";
  std::ofstream(folder.path() / "bad.txt") << "good\nb\xff"
                                           << "d\n";
  std::ofstream(folder.path() / "empty.txt") << "\n";
  const auto parse = [&](const std::string& name) { return parse_profile(with("", R"("a":{"examples":")" + name + "\"}"), folder.path() / "p.json"); };
  EXPECT_EQ(parse("a.txt").labels[0].examples, (std::vector<std::string>{"first", "second line", "third"}));
  expect_error(ErrorCode::corrupt_file, {"labels.a.examples: ", "bad.txt: line 2 is not valid UTF-8"}, [&] { parse("bad.txt"); });
  expect_error(ErrorCode::corrupt_file, {"labels.a.examples: ", "empty.txt has no lines"}, [&] { parse("empty.txt"); });
  expect_error(ErrorCode::corrupt_file, {"labels.a.examples: ", "none.txt: No such file"}, [&] { parse("none.txt"); });
}

TEST(Profile, LinesOfJson) {
  const JsonLines lines = lines_of_json("{\"a\":\n[1,\n\"x\\\"]\",{\"b\"\n:[\n]}],\n\"c\":{}, \"d\":-1.5e3\n}");
  EXPECT_EQ(lines.at(""), 1U);
  EXPECT_EQ(lines.at("a"), 1U);
  EXPECT_EQ(lines.at("a[0]"), 2U);
  EXPECT_EQ(lines.at("a[1]"), 3U);
  EXPECT_EQ(lines.at("a[2].b"), 3U);
  EXPECT_EQ(lines.at("c"), 6U);
  EXPECT_EQ(lines.at("d"), 6U);
  // What is below a long key is not worth a copy of it for each value.
  EXPECT_EQ(lines_of_json("{\"a\": 1, \"" + std::string(2000, 'k') + "\": [1, 2, 3]}").size(), 2U);
}

// The rules that match, and what.
std::string matches(const std::vector<RuleSpec>& rules, std::string_view text) {
  std::string out;
  for (const RuleHit& hit : RuleSet(rules).match(text)) out += rules[hit.rule].name + "=" + hit.match + ";";
  return out;
}

TEST(Rules, PhrasesStandAtWordBoundaries) {
  const std::vector<RuleSpec> rules = {{"die", RuleAction::set, 0, {"want to die", "die alone"}, {}}, {"sad", RuleAction::set, 0, {":(", "c++"}, {}}};
  EXPECT_EQ(matches(rules, "I want to die."), "die=want to die;");
  EXPECT_EQ(matches(rules, "I WANT  to\tDie"), "die=want to die;");
  EXPECT_EQ(matches(rules, "want to diet"), "");
  EXPECT_EQ(matches(rules, "unwant to die"), "");
  EXPECT_EQ(matches(rules, "want to die-hard"), "die=want to die;");
  EXPECT_EQ(matches(rules, "want to die_hard"), "");
  EXPECT_EQ(matches(rules, "want to want to die alone"), "die=want to die;");
  EXPECT_EQ(matches(rules, "so:( it goes"), "sad=:(;");
  EXPECT_EQ(matches(rules, "c++ c+++"), "sad=c++;");
  EXPECT_EQ(matches(rules, ""), "");
}

TEST(Rules, UnicodeIsNormalised) {
  const std::vector<RuleSpec> rules = {{"r", RuleAction::set, 0, {"don't", "na\u00efve", "stra\u00dfe", "\u0e06\u0e48\u0e32"}, {"^\u00e9t\u00e9$"}}};
  EXPECT_EQ(matches(rules, "I DON\u2019T"), "r=don't;");
  EXPECT_EQ(matches(rules, "NAI\u0308VE"), "r=na\u00efve;");
  EXPECT_EQ(matches(rules, "\uff4e\uff41\u00ef\uff56\uff45"), "r=na\u00efve;");  // full width
  EXPECT_EQ(matches(rules, "na\u00adi\u0308\u200bve"), "r=na\u00efve;");         // soft hyphen, zero-width space
  EXPECT_EQ(matches(rules, "Strasse"), "r=strasse;");
  EXPECT_EQ(matches(rules, "E\u0301TE\u0301"), "r=\u00e9t\u00e9;");
  EXPECT_EQ(matches(rules, "\u0e06\u0e48\u0e32\u0e46"), "");  // a letter follows
  EXPECT_EQ(normalised_for_rules(" \u00a0A\u2028 B\r\n"), "a b");
}

TEST(Rules, PatternsTakeLinearTime) {
  const std::vector<RuleSpec> rules = {{"r", RuleAction::set, 0, {}, {"(a|aa)+$", "x{2,}"}}};
  EXPECT_EQ(matches(rules, std::string(200'000, 'a') + "b"), "");
  EXPECT_EQ(matches(rules, "axxxb"), "r=xxx;");
}

struct Row {
  std::vector<float> scores;
  std::vector<std::size_t> rules;
  bool model = true;
};

Decision decided(const ProfileSpec& profile, const Row& row) {
  const auto evidence = std::make_shared<Evidence>();
  evidence->profile = std::make_shared<const ProfileSpec>(profile);
  evidence->resize(1);
  evidence->scores = evidence->similarity = row.scores;
  evidence->model[0] = row.model ? 1 : 0;
  for (const std::size_t rule : row.rules) evidence->hits[0].push_back({rule, "m"});
  std::vector<float> thresholds;
  for (const LabelSpec& label : profile.labels) thresholds.push_back(label.threshold);
  return decide(evidence, thresholds).items[0];
}

TEST(Decisions, TheModelChoosesByThresholdPriorityAndScore) {
  const ProfileSpec profile = parsed(
      with(R"("default":"d")", R"("a":{"examples":["1"]},"b":{"examples":["2"]},"c":{"examples":["3"],"priority":2,"threshold":0.7},"d":{"examples":[]})"));
  const float none = std::numeric_limits<float>::quiet_NaN();
  const auto label = [&](std::vector<float> scores) {
    const Decision decision = decided(profile, {std::move(scores), {}});
    return std::pair(decision.label, decision.by);
  };
  EXPECT_EQ(label({0.6F, 0.5F, 0.1F, none}), std::pair(std::size_t{0}, BERTH_BY_MODEL));
  EXPECT_EQ(label({0.6F, 0.9F, 0.69F, none}), std::pair(std::size_t{1}, BERTH_BY_MODEL));
  EXPECT_EQ(label({0.6F, 0.9F, 0.7F, none}), std::pair(std::size_t{2}, BERTH_BY_MODEL));  // reaches it, and comes first
  EXPECT_EQ(label({0.6F, 0.6F, 0.1F, none}), std::pair(std::size_t{0}, BERTH_BY_MODEL));
  EXPECT_EQ(label({0.4F, 0.4F, 0.4F, none}), std::pair(std::size_t{3}, BERTH_BY_DEFAULT));
  EXPECT_EQ(decided(profile, {{0.4F, 0.45F, 0.4F, none}, {}}).nearest_label, 1U);
}

TEST(Decisions, Rules) {
  const ProfileSpec profile = parsed(with(R"("default":"calm","without_model":"rules-only","default_without_model":"look","rules":[
      {"name":"joke","action":"exclude","label":"crisis","phrases":["p"]},
      {"name":"worry","action":"raise","label":"look","phrases":["p"]},
      {"name":"words","action":"raise","label":"crisis","phrases":["p"]},
      {"name":"thanks","action":"set","label":"calm","phrases":["p"]},
      {"name":"other","action":"set","label":"look","phrases":["p"]}])",
                                          R"("calm":{"examples":["1"]},"crisis":{"examples":["2"],"priority":9},"look":{"examples":["3"],"priority":1})"));
  const auto decide = [&](std::vector<float> scores, std::vector<std::size_t> rules, bool model = true) {
    const Decision decision = decided(profile, {std::move(scores), std::move(rules), model});
    return profile.labels[decision.label].name + " " + std::to_string(decision.by) + " " + (decision.rule == kNone ? "-" : profile.rules[decision.rule].name);
  };
  const float none = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> crisis = {0.1F, 0.9F, 0.6F}, calm = {0.9F, 0.1F, 0.1F}, nothing = {none, none, none};
  EXPECT_EQ(decide(crisis, {}), "crisis 1 -");
  EXPECT_EQ(decide(crisis, {0}), "look 1 joke");
  EXPECT_EQ(decide(calm, {0}), "calm 1 joke");
  EXPECT_EQ(decide(calm, {1}), "look 2 worry");
  EXPECT_EQ(decide(crisis, {1}), "crisis 1 worry");  // is higher already
  EXPECT_EQ(decide(calm, {1, 2}), "crisis 2 words");
  EXPECT_EQ(decide(calm, {0, 2}), "crisis 2 words");  // exclusion is for the model
  EXPECT_EQ(decide(crisis, {3, 4}), "calm 2 thanks");
  EXPECT_EQ(decide(crisis, {2, 3}), "crisis 2 words");  // raising comes after setting
  EXPECT_EQ(decide({0.1F, 0.1F, 0.1F}, {}), "calm 3 -");
  EXPECT_EQ(decide(nothing, {}, false), "look 3 -");
  EXPECT_EQ(decide(nothing, {2}, false), "crisis 2 words");
  EXPECT_EQ(decide(nothing, {3}, false), "calm 2 thanks");
}

TEST(Decisions, ARaisedLabelReplacesADefaultOfItsPriority) {
  const ProfileSpec profile = parsed(with(R"("default":"b","rules":[{"action":"raise","label":"a","phrases":["p"]}])"));
  EXPECT_EQ(decided(profile, {{0.1F, 0.1F}, {0}}).label, 0U);
  EXPECT_EQ(decided(profile, {{0.1F, 0.9F}, {0}}).label, 1U);  // but not what the model chose
}

}  // namespace
}  // namespace berth::engine
