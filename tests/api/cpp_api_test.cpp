// berth.hpp as a program of someone else's uses it: options by name, the caller's memory, sizes that do not fit, models that moved away.
#include <berth/berth.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace {

std::string repository(const std::string& name) { return std::string(BERTH_SOURCE_DIR) + "/" + name; }

template <class Call>
void expect_error(berth_status status, const std::string& message, const Call& call) {
  try {
    call();
    FAIL() << "expected: " << message;
  } catch (const berth::Error& error) {
    EXPECT_EQ(error.status(), status);
    EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
  }
}

// That this compiles is the test: fields that are not named have their defaults, and a compiler with -Wextra says nothing about them.
TEST(Options, AreGivenByName) {
  EXPECT_EQ(berth::LoadOptions{.threads = 2}.isa, "");
  EXPECT_EQ(berth::RunOptions{.max_length = 2}.long_text, "");
  EXPECT_EQ(berth::VectorOptions{.kinds = BERTH_DENSE}.long_text, "");
  EXPECT_EQ(berth::TagOptions{.max_length = 2}.aggregation, "");
  EXPECT_EQ(berth::FillMaskOptions{.top_k = 2}.targets.size(), 0U);
  EXPECT_EQ(berth::AnswerOptions{.top_k = 2}.stride, 0U);
  EXPECT_EQ(berth::ZeroShotOptions{.multi_label = true}.hypothesis_template, "");
  EXPECT_EQ(berth::TokenizeOptions{.max_length = 2}.truncate_left, false);
  EXPECT_EQ(berth::ClassifierOptions{.threads = 2}.model, "");
}

TEST(Results, GoToTheCallersMemory) {
  const berth::Model model = berth::Model::load(repository("weights/sentiment"), {.threads = 1});
  const std::vector<berth::Input> inputs = {"A delightful film.", "Two hours lost."};
  std::vector<float> scores(inputs.size() * model.num_labels());
  std::vector<berth::Row> rows(inputs.size());
  model.classify(inputs, scores, rows);
  const berth::Matrix expected = model.classify(inputs);
  EXPECT_EQ(scores, expected.values);
  EXPECT_EQ(rows[1].tokens, expected.rows[1].tokens);
  std::fill(scores.begin(), scores.end(), 0.0F);
  model.classify(inputs, scores, {}, {.raw_scores = true});
  EXPECT_EQ(scores, model.classify(inputs, {.raw_scores = true}).values);
  expect_error(BERTH_INVALID_ARGUMENT, "scores has 3 entries, 4 are needed", [&] { model.classify(inputs, std::span(scores).first(3), rows); });
  expect_error(BERTH_INVALID_ARGUMENT, "rows has 1 entries, 2 are needed", [&] { model.classify(inputs, scores, std::span(rows).first(1)); });

  const berth::Model reranker = berth::Model::load(repository("tests/reference/bert-crossencoder"), {.threads = 1});
  const std::vector<berth::Input> pairs = {{"a question", "one text"}, {"a question", "another"}};
  scores.resize(2);
  reranker.rerank(pairs, scores, rows);
  EXPECT_EQ(scores, reranker.rerank(pairs).values);
}

TEST(Results, OfAModelWithoutLabels) {
  const berth::Model model = berth::Model::load(repository("weights/intent"), {.threads = 1});
  expect_error(BERTH_UNSUPPORTED, "the model has no sequence-classification head", [&] { model.classify({"a text"}); });
}

TEST(Results, OfStretchesOfAText) {
  const berth::Model model = berth::Model::load(repository("weights/intent"), {.threads = 1});
  const berth::Input text("I lost my card. Play some music.");
  const std::vector<berth::Span> spans = {{0, 15}, {15, 32}, {15, 16}};
  const berth::Chunks chunks = model.encode_chunks(text, spans, {.truncate_dim = 7, .normalize = true});
  ASSERT_EQ(chunks.size(), 3U);
  EXPECT_EQ(chunks.columns, 7U);
  EXPECT_EQ(chunks.tokens[0] + chunks.tokens[1] + 2, chunks.row.tokens);
  EXPECT_EQ(chunks.tokens[2], 0U);
  EXPECT_NEAR(std::inner_product(chunks[1].begin(), chunks[1].end(), chunks[1].begin(), 0.0F), 1.0F, 1e-5F);
  expect_error(BERTH_INVALID_ARGUMENT, "span 0", [&] { model.encode_chunks(text, std::vector<berth::Span>{{3, 40}}); });
}

TEST(Sizes, ThatDoNotFit) {
  const berth::Model model = berth::Model::load(repository("weights/intent"), {.threads = 1});
  const std::vector<float> vectors(6, 1.0F);
  EXPECT_EQ(model.max_similarity(vectors, vectors, 3), 6.0F);
  expect_error(BERTH_INVALID_ARGUMENT, "query has 5 entries, not vectors of 3", [&] { model.max_similarity(std::span(vectors).first(5), vectors, 3); });
  expect_error(BERTH_INVALID_ARGUMENT, "document has 6 entries, not vectors of 4", [&] { model.max_similarity(std::span(vectors).first(4), vectors, 4); });

  const std::filesystem::path profile = std::filesystem::path(testing::TempDir()) / "cpp_api_test_profile.json";
  std::ofstream(profile) << R"({"model": ")" << repository("weights/intent")
                         << R"(", "labels": {"a": {"examples": ["x"], "threshold": 0.9}, "b": {"examples": ["y"]}}})";
  const berth::Classifier classifier = berth::Classifier::load(profile.string(), {.cache = false});
  EXPECT_NE(classifier.info().find(R"("threshold":0.9})"), std::string_view::npos) << classifier.info();
  const berth::Decisions decisions = classifier.classify({"x"});
  EXPECT_EQ(decisions.decide(std::vector<float>{0.5F, 0.5F}).label(0), "a");
  expect_error(BERTH_INVALID_ARGUMENT, "thresholds has 1 entries, 2 are needed", [&] { decisions.decide(std::vector<float>{0.5F}); });
  std::filesystem::remove(profile);
}

TEST(Models, ThatMovedAway) {
  berth::Model model = berth::Model::load(repository("weights/sentiment"), {.threads = 1});
  const berth::Model other = std::move(model);
  expect_error(BERTH_INVALID_ARGUMENT, "model is NULL", [&] { model.classify({"a text"}); });  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(model.info(), "{}");
  EXPECT_FALSE(model.tokenizer().has_value());
  model = other;
  EXPECT_EQ(model.classify({"a text"}).values, other.classify({"a text"}).values);
}

}  // namespace
