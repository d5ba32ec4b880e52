// A profile at work: scores against sums in double, the file of embeddings, and what happens without the model.
#include "engine/profile/classifier.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "base/json.hpp"
#include "engine/profile/content_hash.hpp"
#include "engine/profile/example_cache.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::engine {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;
using base::Json;
using test::expect_error;

const fs::path kIntent = fs::path(BERTH_SOURCE_DIR) / "weights/intent";

Json least() {
  return {{"model", kIntent.native()},
          {"labels",
           {{"card", {{"examples", {"I lost my card", "my card was stolen", "where is my card"}}, {"threshold", 0.6}}},
            {"music", {{"examples", {"play some music", "put on a song"}}, {"threshold", 0.6}}},
            {"other", {{"examples", Json::array()}}}}},
          {"default", "other"}};
}

struct Folder {
  fs::path write(const Json& profile, const std::string& name = "p.json") const {
    std::ofstream(directory.path() / name) << profile.dump();
    return directory.path() / name;
  }
  test::TempDirectory directory;
};

Decisions run(const Classifier& classifier, const std::vector<std::string>& texts, std::vector<berth_row>* rows = nullptr) {
  const std::vector<berth_input> inputs = test::text_inputs(texts);
  if (rows != nullptr) rows->resize(texts.size());
  return classifier.run(inputs, rows == nullptr ? nullptr : rows->data());
}

std::string label_of(const Decisions& decisions, std::size_t row) {
  return decisions.items[row].label == kNone ? "" : decisions.evidence->profile->labels[decisions.items[row].label].name;
}

std::vector<double> unit(const Model& model, const std::string& text) {
  std::vector<float> values(model.embedding_size());
  const berth_input input = test::text_input(text);
  model.encode({&input, 1}, {}, values.data(), nullptr, nullptr);
  double squares = 0;
  for (const float value : values) squares += static_cast<double>(value) * static_cast<double>(value);
  std::vector<double> result;
  for (const float value : values) result.push_back(static_cast<double>(value) / std::sqrt(squares));
  return result;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

TEST(Classifier, ScoresAreThoseOfDoubleArithmetic) {
  const Folder folder;
  Json profile = least();
  const std::vector<std::string> examples = profile["labels"]["card"]["examples"];
  const auto model = Model::load(kIntent.native(), {});
  const std::string text = "somebody took my bank card";
  const std::vector<double> query = unit(*model, text);
  std::vector<double> cosines;
  std::vector<double> mean(query.size(), 0.0);
  for (const std::string& example : examples) {
    const auto vector = unit(*model, example);
    cosines.push_back(dot(query, vector));
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += vector[i];
  }
  std::vector<double> sorted = cosines;
  std::sort(sorted.rbegin(), sorted.rend());
  const double expected[] = {sorted[0], (sorted[0] + sorted[1]) / 2, (sorted[0] + sorted[1] + sorted[2]) / 3, dot(query, mean) / std::sqrt(dot(mean, mean))};
  const std::pair<const char*, int> how[] = {{"max", 3}, {"mean-top-k", 2}, {"mean-top-k", 7}, {"centroid", 3}};
  for (std::size_t i = 0; i < 4; ++i) {
    profile["combine"] = how[i].first;
    profile["k"] = how[i].second;
    const Decisions decisions = run(*Classifier::load(folder.write(profile), {.cache = false}), {text});
    EXPECT_NEAR(static_cast<double>(decisions.evidence->scores[0]), expected[i], 1e-5) << how[i].first;
    EXPECT_EQ(decisions.evidence->nearest[0], std::max_element(cosines.begin(), cosines.end()) - cosines.begin());
    EXPECT_NEAR(static_cast<double>(decisions.evidence->similarity[0]), sorted[0], 1e-5);
    EXPECT_TRUE(std::isnan(decisions.evidence->scores[2]));
  }
}

TEST(Classifier, OverridesOfCombinationAndModel) {
  const Folder folder;
  const fs::path file = folder.write(least());
  const auto score = [&](const ClassifierOptions& options) {
    return run(*Classifier::load(file, options), {"somebody took my bank card"}).evidence->scores[0];
  };
  const float max = score({.cache = false});
  const float mean = score({.cache = false, .combine = Combine::mean_top_k, .k = 3});
  EXPECT_LT(mean, max);
  EXPECT_EQ(score({.cache = false, .combine = Combine::mean_top_k, .k = 1}), max);
  expect_error(ErrorCode::not_found, {"no/such"}, [&] { Classifier::load(file, {.model = "no/such", .cache = false}); });
}

TEST(Classifier, TheSameBitsInAnyBatchAndOnAnyNumberOfThreads) {
  const Folder folder;
  Json profile = least();
  profile["labels"]["card"]["combine"] = "centroid";
  profile["labels"]["music"]["combine"] = "mean-top-k";
  const fs::path file = folder.write(profile);
  std::vector<std::string> texts;
  for (int i = 0; i < 70; ++i)
    texts.push_back("message " + std::to_string(i) + " about a card" + std::string(static_cast<std::size_t>(i % 9), '!') + (i % 2 ? " and music" : ""));
  ClassifierOptions one;
  one.load.threads = 1;
  ClassifierOptions three;
  three.load.threads = 3;
  three.batch_tokens = 40;
  const Decisions first = run(*Classifier::load(file, one), texts);
  const auto classifier = Classifier::load(file, three);
  EXPECT_EQ(run(*classifier, texts).evidence->similarity.size(), first.evidence->similarity.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Decisions alone = run(*classifier, {texts[i]});
    for (std::size_t label = 0; label < 2; ++label) EXPECT_EQ(alone.evidence->scores[label], first.evidence->scores[3 * i + label]) << i;
  }
}

TEST(Classifier, ExplainsWhatItDecides) {
  const Folder folder;
  Json profile = least();
  profile["rules"] = {{{"name", "stop"}, {"action", "set"}, {"label", "other"}, {"phrases", {"stop"}}}};
  const auto classifier = Classifier::load(folder.write(profile), {.cache = false});
  std::vector<berth_row> rows;
  const Decisions decisions = run(*classifier, {"play some music", "Stop!", "colourless green ideas sleep furiously", ""}, &rows);
  EXPECT_EQ(label_of(decisions, 0), "music");
  EXPECT_EQ(decisions.items[0].by, BERTH_BY_MODEL);
  EXPECT_EQ(decisions.items[0].nearest_label, 1U);
  EXPECT_EQ(decisions.evidence->nearest[1], 0U);
  EXPECT_NEAR(static_cast<double>(decisions.evidence->similarity[1]), 1.0, 1e-5);
  EXPECT_EQ(label_of(decisions, 1), "other");
  EXPECT_EQ(decisions.items[1].by, BERTH_BY_RULE);
  EXPECT_EQ(decisions.evidence->hits[1][0].match, "stop");
  EXPECT_EQ(label_of(decisions, 2), "other");
  EXPECT_EQ(decisions.items[2].by, BERTH_BY_DEFAULT);
  EXPECT_EQ(rows[0].tokens, 5U);
  EXPECT_EQ(rows[3].tokens, 2U);
  const berth_input pair = {.text = {"a", 1}, .text_pair = {"b", 1}, .ids = nullptr, .type_ids = nullptr, .ids_size = 0};
  const std::int32_t id = 2;
  const berth_input ids = {.text = {}, .text_pair = {}, .ids = &id, .type_ids = nullptr, .ids_size = 1};
  expect_error(ErrorCode::invalid_argument, {"input 0", "text_pair"}, [&] { classifier->run({&pair, 1}, nullptr); });
  expect_error(ErrorCode::invalid_argument, {"input 0", "ids"}, [&] { classifier->run({&ids, 1}, nullptr); });
}

TEST(Classifier, WorksByItsRulesWithoutTheModel) {
  const Folder folder;
  Json profile = least();
  profile["model"] = "no/such/model";
  profile["rules"] = {{{"action", "raise"}, {"label", "card"}, {"phrases", {"stolen"}}}};
  expect_error(ErrorCode::not_found, {"no/such/model"}, [&] { Classifier::load(folder.write(profile), {}); });
  profile["without_model"] = "rules-only";
  profile["default_without_model"] = "music";
  const auto classifier = Classifier::load(folder.write(profile), {});
  const Json info = Json::parse(classifier->info());
  EXPECT_TRUE(info["model"].is_null());
  EXPECT_NE(info["model_error"].get<std::string>().find("no/such/model"), std::string::npos);
  std::vector<berth_row> rows;
  const Decisions decisions = run(*classifier, {"My wallet was STOLEN", "anything"}, &rows);
  EXPECT_EQ(label_of(decisions, 0), "card");
  EXPECT_EQ(label_of(decisions, 1), "music");
  EXPECT_EQ(decisions.evidence->model[0], 0);
  EXPECT_TRUE(std::isnan(decisions.evidence->scores[0]));
  EXPECT_EQ(decisions.items[1].nearest_label, kNone);
  EXPECT_EQ(rows[1].tokens, 0U);
}

TEST(Classifier, ADamagedModelIsAMissingOne) {
  const Folder folder;
  fs::copy(kIntent, folder.directory.path() / "model", fs::copy_options::recursive);
  fs::resize_file(folder.directory.path() / "model/model.safetensors", 1000);
  Json profile = least();
  profile["model"] = "model";
  profile["without_model"] = "rules-only";
  EXPECT_NE(Classifier::load(folder.write(profile), {})->info().find("model.safetensors"), std::string::npos);
}

TEST(Classifier, EmbeddingsAreComputedOnce) {
  const Folder folder;
  Json profile = least();
  const fs::path file = folder.write(profile), cache = folder.directory.path() / "p.embeddings";
  const auto cached = [&](const ClassifierOptions& options = {}) { return Json::parse(Classifier::load(file, options)->info())["cached_examples"].get<int>(); };
  EXPECT_EQ(cached(), 0);
  EXPECT_EQ(cached(), 5);
  const std::vector<float> scores = run(*Classifier::load(file, {.cache = false}), {"hello"}).evidence->scores;
  const std::vector<float> from_cache = run(*Classifier::load(file, {}), {"hello"}).evidence->scores;
  EXPECT_EQ(scores[0], from_cache[0]);

  profile["labels"]["music"]["examples"].push_back("sing");  // one more: the others are kept
  folder.write(profile);
  EXPECT_EQ(cached(), 5);
  EXPECT_EQ(cached(), 6);
  profile["prompt"] = "query: ";  // other vectors
  folder.write(profile);
  EXPECT_EQ(cached(), 0);
  EXPECT_EQ(cached(), 6);
  ClassifierOptions lower;
  lower.load.isa = "baseline";
  if (Json::parse(Classifier::load(file, {})->info())["model"]["isa"] != "baseline") {
    EXPECT_EQ(cached(lower), 0);
  }

  for (const std::size_t size : {std::size_t{10}, static_cast<std::size_t>(fs::file_size(cache)) - 4}) {  // damaged: made anew
    cached();
    fs::resize_file(cache, size);
    EXPECT_EQ(cached(), 0) << size;
  }
  std::fstream flip(cache, std::ios::in | std::ios::out | std::ios::binary);
  flip.seekp(300);
  flip.put('\x7f');
  flip.close();
  EXPECT_EQ(cached(), 0);
  EXPECT_EQ(cached(), 6);
}

TEST(Classifier, AnotherModelUnderTheSameNameMakesTheCacheAnew) {
  const Folder folder;
  const fs::path model = folder.directory.path() / "model";
  fs::copy(kIntent, model, fs::copy_options::recursive);
  Json profile = least();
  profile["model"] = "model";
  const fs::path file = folder.write(profile);
  Classifier::load(file, {});
  EXPECT_EQ(Json::parse(Classifier::load(file, {})->info())["cached_examples"], 5);
  std::fstream weights(model / "model.safetensors", std::ios::in | std::ios::out | std::ios::binary);
  weights.seekp(static_cast<std::streamoff>(fs::file_size(model / "model.safetensors")) - 2);
  weights.put('\0');
  weights.close();
  EXPECT_EQ(Json::parse(Classifier::load(file, {})->info())["cached_examples"], 0);
}

// Many that find no file, or a damaged one, at the same time: each has its answers, and a whole file is left.
TEST(Classifier, ManyWriteTheCacheAtOnce) {
  const Folder folder;
  const fs::path file = folder.write(least()), cache = folder.directory.path() / "p.embeddings";
  const std::vector<float> expected = run(*Classifier::load(file, {.cache = false}), {"hello"}).evidence->scores;
  for (int round = 0; round < 3; ++round) {
    if (round == 1) fs::resize_file(cache, 77);
    if (round == 2) std::ofstream(cache) << "no cache at all";
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i)
      threads.emplace_back([&] {
        const std::vector<float> scores = run(*Classifier::load(file, {}), {"hello"}).evidence->scores;
        wrong += std::equal(scores.begin(), scores.begin() + 2, expected.begin()) ? 0 : 1;
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(Json::parse(Classifier::load(file, {})->info())["cached_examples"], 5);
    for (const auto& entry : fs::directory_iterator(folder.directory.path())) EXPECT_NE(entry.path().extension(), ".part") << entry.path();
  }
}

// Nothing can be written beside the profile: neither into a folder of others nor in the place of a folder.
TEST(Classifier, ACacheThatCannotBeWrittenIsNoErrorEither) {
  const Folder folder;
  const fs::path file = folder.write(least());
  fs::create_directories(folder.directory.path() / "p.embeddings/not empty");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Json::parse(Classifier::load(file, {})->info())["cached_examples"], 0);
  for (const auto& entry : fs::directory_iterator(folder.directory.path())) EXPECT_NE(entry.path().extension(), ".part") << entry.path();
}

TEST(Classifier, AFolderThatCannotBeWrittenIsNoError) { EXPECT_FALSE(ExampleCache::write("/no/such/folder/x.embeddings", {}, 1, {}, {})); }

// Many examples, more than fit one block of similarities, against a plain loop.
TEST(Exemplars, ManyExamples) {
  constexpr std::size_t kExamples = 3001, kDimensions = 24, kRows = 1500;
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  const auto unit_rows = [&](std::size_t rows) {
    std::vector<float> values(rows * kDimensions);
    for (std::size_t row = 0; row < rows; ++row) {
      double squares = 0;
      for (std::size_t i = 0; i < kDimensions; ++i) {
        values[row * kDimensions + i] = normal(random);
        squares += static_cast<double>(values[row * kDimensions + i]) * static_cast<double>(values[row * kDimensions + i]);
      }
      for (std::size_t i = 0; i < kDimensions; ++i) values[row * kDimensions + i] /= static_cast<float>(std::sqrt(squares));
    }
    return values;
  };
  ProfileSpec profile;
  profile.labels.resize(3);
  profile.labels[0].examples.resize(1000);
  profile.labels[1].examples.resize(2000);
  profile.labels[1].combine = Combine::mean_top_k;
  profile.labels[1].k = 40;
  profile.labels[2].examples.resize(1);
  const std::vector<float> examples = unit_rows(kExamples), rows = unit_rows(kRows);
  const auto model = Model::load(kIntent.native(), {});
  const Exemplars exemplars(profile, examples, kDimensions, model->compute());
  std::vector<float> scores(kRows * 3), similarity(kRows * 3);
  std::vector<std::uint32_t> nearest(kRows * 3);
  exemplars.score(model->compute(), rows.data(), kRows, {scores.data(), nearest.data(), similarity.data()});
  for (const std::size_t row : {std::size_t{0}, std::size_t{1396}, std::size_t{1397}, std::size_t{1398}, kRows - 1}) {
    std::vector<double> cosines(kExamples, 0.0);
    for (std::size_t i = 0; i < kExamples; ++i)
      for (std::size_t d = 0; d < kDimensions; ++d)
        cosines[i] += static_cast<double>(examples[i * kDimensions + d]) * static_cast<double>(rows[row * kDimensions + d]);
    EXPECT_EQ(nearest[row * 3], std::max_element(cosines.begin(), cosines.begin() + 1000) - cosines.begin());
    EXPECT_NEAR(static_cast<double>(scores[row * 3]), *std::max_element(cosines.begin(), cosines.begin() + 1000), 1e-5);
    EXPECT_NEAR(static_cast<double>(scores[row * 3 + 2]), cosines[3000], 1e-5);
    std::sort(cosines.begin() + 1000, cosines.begin() + 3000, std::greater<>());
    double sum = 0;
    for (std::size_t i = 1000; i < 1040; ++i) sum += cosines[i];
    EXPECT_NEAR(static_cast<double>(scores[row * 3 + 1]), sum / 40, 1e-5);
  }
}

TEST(Classifier, ProfilesShareAModel) {
  const Folder folder;
  const fs::path model = folder.directory / "model";
  fs::copy(kIntent, model, fs::copy_options::recursive);
  Json profile = least();
  profile["model"] = model.native();
  const fs::path file = folder.write(profile), other = folder.write(profile, "other.json");
  auto first = Classifier::load(file, {});
  const auto second = Classifier::load(other, {});
  ASSERT_NE(first->model(), nullptr);
  EXPECT_EQ(second->model(), first->model());
  const auto different = [&](const ClassifierOptions& options) { return Classifier::load(file, options)->model() != first->model(); };
  EXPECT_TRUE(different({.load = {.precision = "int8"}}));
  EXPECT_TRUE(different({.load = {.threads = 3, .precision = {}}}));
  EXPECT_TRUE(different({.load = {.isa = "baseline"}}));
  EXPECT_FALSE(different({.load = {.threads = 0, .precision = "fp32"}}));
  // It outlives the profile that loaded it.
  const Model* kept = first->model();
  first.reset();
  EXPECT_EQ(label_of(run(*second, {"somebody stole my card"}), 0), "card");
  EXPECT_EQ(Classifier::load(file, {})->model(), kept);
  // Other files, though of the same names and sizes: another model.
  const std::string config = base::read_file(model / "config.json", 1 << 20);
  std::ofstream(model / "config.json", std::ios::binary) << config;
  const auto changed = Classifier::load(file, {});
  EXPECT_NE(changed->model(), kept);
  // And with one that was looked for before and is there now, though the others are as they were.
  std::ofstream(model / "special_tokens_map.json", std::ios::binary) << "{}";
  const auto another = Classifier::load(file, {});
  EXPECT_NE(another->model(), changed->model());
  EXPECT_EQ(Classifier::load(file, {})->model(), another->model());
}

TEST(ContentHash, TellsContentApart) {
  EXPECT_EQ(content_hash("a"), content_hash("a"));
  EXPECT_NE(content_hash("a"), content_hash("b"));
  const auto two = [](std::string_view a, std::string_view b) {
    ContentHasher hasher;
    hasher.add(a);
    hasher.add(b);
    return hasher.finish();
  };
  EXPECT_NE(two("ab", "c"), two("a", "bc"));
  const Folder folder;
  const fs::path inside = folder.directory.path(), file = inside / "a.json";
  std::ofstream(file) << "a";
  const auto hash = [&](bool opened, const fs::path& seen_from) { return hash_files(std::vector<base::LoggedFile>{{file, {}, opened}}, seen_from); };
  EXPECT_NE(hash(true, inside), hash(false, inside)) << "what was only asked for has no content";
  EXPECT_NE(hash(true, inside), hash(true, inside.parent_path())) << "the name counts";
  fs::remove(file);
  expect_error(ErrorCode::not_found, {"a.json"}, [&] { hash(true, inside); });
}

}  // namespace
}  // namespace berth::engine
