// The tasks, long texts and prompts through the C and C++ interfaces; the command line's tests have their numbers.
#include <cmath>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include <berth/berth.hpp>
#include <gtest/gtest.h>

#include "tests/engine/reference_case.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::test {
namespace {

Model load(const char* name) { return Model::load(reference(name).string(), {.threads = 1, .precision = {}, .isa = {}}); }

template <class Call>
void expect_error(berth_status status, const std::string& fragment, const Call& call) {
  try {
    call();
    ADD_FAILURE() << "no error: " << fragment;
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), status) << error.what();
    EXPECT_NE(std::string(error.what()).find(fragment), std::string::npos) << error.what();
  }
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "the quick brown fox jumps over the lazy dog ";
  return text;
}

// ELECTRA's discriminator has one logit a token, and no labels in config.json.
TEST(Tag, ADiscriminatorHasOneLabel) {
  const Model model = load("electra-discriminator");
  const std::vector<std::int32_t> ids = {2, 5, 3};
  TagOptions options;
  options.raw_scores = true;
  const Findings found = model.tag({Input::from_ids(ids)}, options);
  ASSERT_EQ(found.logits(0).size(), 3U);
  ASSERT_EQ(found[0].size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(std::string(found[0][i].label.data, found[0][i].label.size), "LABEL_0");
    EXPECT_NEAR(found[0][i].score, 1.0F / (1.0F + std::exp(-found.logits(0)[i])), 1e-6F);
  }
}

// A query that leaves a window hardly any room for the text would be computed anew for each of the text's tokens.
TEST(Windows, MustHaveRoomForTheText) {
  const Model model = load("bert-crossencoder");
  std::string query;
  while (model.tokenize(Input(query)).size() + 3 < model.max_length()) query += "fox ";
  RunOptions options;
  options.long_text = "window";
  expect_error(BERTH_TOO_LONG, "leave too little room", [&] { model.classify({Input(query, long_text())}, options); });
}

TEST(FillMask, FindsTokensForEachMask) {
  const Model model = load("bert-mlm");  // has no tokenizer
  const std::vector<std::int32_t> one = {2, 9, 4, 11, 3}, two = {2, 4, 8, 4, 3};
  const std::vector<Input> inputs = {Input::from_ids(one), Input::from_ids(two)};
  FillMaskOptions options;
  options.mask_id = 4;
  options.top_k = 3;
  const Findings found = model.fill_mask(inputs, options);
  ASSERT_EQ(found[0].size(), 3U);
  ASSERT_EQ(found[1].size(), 6U);
  EXPECT_EQ(found[0][0].first_token, 2U);
  EXPECT_EQ(found[1][0].first_token, 1U);
  EXPECT_EQ(found[1][5].first_token, 3U);
  EXPECT_EQ(found[0][0].text.data, nullptr);
  EXPECT_EQ(found[0][0].has_offsets, 0U);
  options.top_k = 0;
  const Findings all = model.fill_mask(inputs, options);
  ASSERT_EQ(all[0].size(), model.vocab_size());
  double sum = 0;
  for (const berth_finding& item : all[0]) sum += static_cast<double>(item.score);
  EXPECT_NEAR(sum, 1.0, 1e-5);
  options.raw_scores = true;
  const Findings logits = model.fill_mask(inputs, options);
  ASSERT_EQ(logits.logits(1).size(), 2 * model.vocab_size());
  EXPECT_TRUE(logits[1].empty());
  const auto best = std::max_element(logits.logits(0).begin(), logits.logits(0).end()) - logits.logits(0).begin();
  EXPECT_EQ(best, found[0][0].id);

  options.mask_id = 199;
  expect_error(BERTH_INVALID_ARGUMENT, "input 0: has no mask token (id 199)", [&] { model.fill_mask(inputs, options); });
  options.mask_id = 99999;
  expect_error(BERTH_INVALID_ARGUMENT, "mask_id is 99999, expected 0 to", [&] { model.fill_mask(inputs, options); });
  options.mask_id.reset();
  expect_error(BERTH_INVALID_ARGUMENT, "mask_id", [&] { model.fill_mask(inputs, options); });
  expect_error(BERTH_UNSUPPORTED, "masked-language-model", [&] { load("bert-qa").fill_mask(inputs); });
  berth_fill_mask_options c_options{};
  berth_findings* findings = nullptr;
  c_options.size = sizeof c_options;
  c_options.top_k = -2;
  berth_model* handle = nullptr;
  ASSERT_EQ(berth_model_load(reference("bert-mlm").c_str(), nullptr, &handle), BERTH_OK);
  EXPECT_EQ(berth_fill_mask(handle, nullptr, 0, &c_options, &findings, nullptr), BERTH_INVALID_ARGUMENT);
  c_options.top_k = 0;
  c_options.mask_id = &one[2];
  EXPECT_EQ(berth_fill_mask(handle, nullptr, 0, &c_options, nullptr, nullptr), BERTH_INVALID_ARGUMENT);
  EXPECT_EQ(berth_fill_mask(handle, nullptr, 0, &c_options, &findings, nullptr), BERTH_OK);
  std::size_t count = 1;
  EXPECT_EQ(berth_findings_row(findings, 0, &count), nullptr);
  EXPECT_EQ(count, 0U);
  berth_findings_free(findings);
  berth_model_free(handle);
}

TEST(Answer, FindsStretchesOfTheContext) {
  const Model model = load("bert-qa");
  const std::vector<std::int32_t> ids = {2, 20, 21, 3, 30, 31, 32, 33, 3}, types = {0, 0, 0, 0, 1, 1, 1, 1, 1};
  const std::vector<Input> inputs = {Input::from_ids(ids, types)};
  AnswerOptions options;
  options.top_k = 50;
  options.impossible = true;
  options.raw_scores = true;
  const Findings found = model.answer(inputs, options);
  ASSERT_EQ(found.logits(0).size(), 2 * ids.size());
  double sum = 0;
  std::size_t empty = 0;
  for (const berth_finding& answer : found[0]) {
    EXPECT_LE(answer.first_token, answer.last_token);
    sum += static_cast<double>(answer.score);
    if (answer.last_token == 0) {
      ++empty;
      EXPECT_EQ(answer.text.size, 0U);
    } else {
      EXPECT_GE(answer.first_token, 4U);
    }
  }
  EXPECT_EQ(empty, 1U);
  EXPECT_LE(sum, 1.0 + 1e-5);
  options = {};
  options.top_k = 0;  // as the C interface has it: the default
  EXPECT_EQ(model.answer(inputs, options)[0].size(), 1U);
  expect_error(BERTH_UNSUPPORTED, "question-answering", [&] { load("bert-mlm").answer(inputs); });
  expect_error(BERTH_INVALID_ARGUMENT, "input 0: text_pair", [&] { load("bert-qa").answer({Input("a question alone")}); });
}

TEST(ZeroShot, ScoresLabels) {
  const Model model = load("bert-nli");
  const std::vector<std::string> labels = {"music", "password", "delivery"};
  const Matrix scores = model.zero_shot({"reset my password", "play music"}, labels);
  ASSERT_EQ(scores.columns, 3U);
  EXPECT_NEAR(std::accumulate(scores[0].begin(), scores[0].end(), 0.0), 1.0, 1e-5);
  ZeroShotOptions options;
  options.multi_label = true;
  const Matrix each = model.zero_shot({"reset my password"}, labels, options);
  const std::vector<std::string> one = {"password"};
  EXPECT_EQ(each[0][1], model.zero_shot({"reset my password"}, one)[0][0]);  // a single label stands for itself
  options.hypothesis_template = "no place";
  expect_error(BERTH_INVALID_ARGUMENT, "hypothesis_template", [&] { model.zero_shot({"x"}, labels, options); });
  expect_error(BERTH_INVALID_ARGUMENT, "labels", [&] { model.zero_shot({"x"}, std::vector<std::string>{}); });
  expect_error(BERTH_INVALID_ARGUMENT, "input 1: text_pair", [&] { model.zero_shot({Input("x"), Input("x", "y")}, labels); });
  expect_error(BERTH_INVALID_ARGUMENT, "labels is not valid UTF-8", [&] { model.zero_shot({"x"}, std::vector<std::string>{"\xff"}); });
}

// Pairs whose types the tokenizer's class, or its config, keeps from the model: all are 0 to it, as where ids are given with such types.
TEST(Pairs, HaveTheTypesThatTransformersHandsOver) {
  const test::TempDirectory directory;
  std::filesystem::copy(reference("bert-nli"), directory.path(), std::filesystem::copy_options::recursive);
  const auto scores = [&](const std::vector<Input>& inputs) {
    const Matrix all = Model::load(directory.path().string(), {.threads = 1, .precision = {}, .isa = {}}).classify(inputs);
    return std::vector<float>(all[0].begin(), all[0].end());
  };
  const std::vector<Input> text = {Input("play music", "this is a song")};
  const auto typed = scores(text);
  directory.write("tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer", "model_input_names": ["input_ids", "attention_mask"]})");
  const auto untyped = scores(text);
  EXPECT_NE(typed, untyped);
  const auto tokenizer = Tokenizer::load(directory.path().string());
  const auto encoding = tokenizer.tokenize(text.front());
  const std::vector<std::int32_t> ids(encoding.ids().begin(), encoding.ids().end());
  EXPECT_EQ(untyped, scores({Input::from_ids(ids, {})}));
  const std::vector<std::int32_t> types(encoding.type_ids().begin(), encoding.type_ids().end());
  EXPECT_EQ(typed, scores({Input::from_ids(ids, types)}));
}

TEST(LongText, IsToldAndChosen) {
  const Model model = load("st-mean-normalize");
  const std::string text = long_text();
  const std::vector<Input> inputs = {"short", text};
  RunOptions options;
  const Matrix cut = model.encode(inputs, options);
  EXPECT_EQ(cut.rows[1].truncated, 1U);
  EXPECT_EQ(cut.rows[1].windows, 1U);
  options.long_text = "error";
  expect_error(BERTH_TOO_LONG, "input 1: ", [&] { model.encode(inputs, options); });
  options.long_text = "window";
  const Matrix windows = model.encode(inputs, options);
  EXPECT_EQ(windows.rows[1].truncated, 0U);
  EXPECT_GT(windows.rows[1].windows, 3U);
  EXPECT_EQ(windows.rows[0].windows, 1U);
  EXPECT_EQ(std::memcmp(windows[0].data(), cut[0].data(), cut.columns * sizeof(float)), 0);
  double squares = 0;
  for (const float value : windows[1]) squares += static_cast<double>(value) * static_cast<double>(value);
  EXPECT_NEAR(squares, 1.0, 1e-5);
  const TokenEmbeddings tokens = model.encode_tokens(inputs, options);
  EXPECT_EQ(tokens[1].size(), windows.rows[1].tokens * model.hidden_size());
  EXPECT_EQ(tokens.embeddings().values, windows.values);
  options.long_text.clear();
  options.stride = 3;  // means windows
  EXPECT_GT(model.encode(inputs, options).rows[1].windows, 1U);
  options.long_text = "truncate";
  expect_error(BERTH_INVALID_ARGUMENT, "stride", [&] { model.encode(inputs, options); });
  options.long_text = "cut";
  expect_error(BERTH_INVALID_ARGUMENT, "long_text", [&] { model.encode(inputs, options); });
  options = {};
  options.long_text = "window";
  options.window_scores = "least";
  expect_error(BERTH_INVALID_ARGUMENT, "window_scores", [&] { load("bert-nli").classify(inputs, options); });
  VectorOptions vectors;
  vectors.kinds = BERTH_DENSE;
  vectors.long_text = "window";
  const Vectors dense = model.encode_vectors(inputs, vectors);
  EXPECT_EQ(std::memcmp(dense.dense(1).data(), windows[1].data(), windows.columns * sizeof(float)), 0);
  FillMaskOptions fill;
  fill.long_text = "window";
  expect_error(BERTH_INVALID_ARGUMENT, "long_text", [&] { load("bert-mlm").fill_mask(inputs, fill); });
}

TEST(LongText, ScoresOfWindows) {
  const Model model = load("bert-nli");
  const std::string text = long_text();
  const std::vector<Input> inputs = {Input(text), Input("a query", text)};
  RunOptions options;
  options.long_text = "window";
  const Matrix mean = model.classify(inputs, options);
  options.window_scores = "max";
  const Matrix largest = model.classify(inputs, options);
  for (std::size_t row = 0; row < inputs.size(); ++row) {
    EXPECT_GT(mean.rows[row].windows, 3U);
    EXPECT_NEAR(std::accumulate(mean[row].begin(), mean[row].end(), 0.0), 1.0, 1e-5);
    for (std::size_t label = 0; label < mean.columns; ++label) EXPECT_GE(largest[row][label], mean[row][label]);
  }
}

TEST(Prompts, AreChosen) {
  const Model model = load("st-mean");
  RunOptions options;
  options.prompt = "passage: ";
  const Matrix prompted = model.encode({"a text"}, options);
  EXPECT_EQ(prompted.values, model.encode({"passage: a text"}).values);
  options.prompt.reset();
  options.prompt_name = "no such prompt";
  expect_error(BERTH_INVALID_ARGUMENT, "\"no such prompt\"", [&] { model.encode({"a text"}, options); });
  expect_error(BERTH_INVALID_ARGUMENT, "\"no such prompt\"", [&] { static_cast<void>(model.embedding_size(options)); });
  options = {};
  options.prompt = "\xff";
  expect_error(BERTH_INVALID_ARGUMENT, "prompt is not valid UTF-8", [&] { model.encode({"a text"}, options); });
  options.prompt = "x";
  expect_error(BERTH_INVALID_ARGUMENT, "prompt", [&] { load("bert-nli").classify({"a text"}, options); });
}

}  // namespace
}  // namespace berth::test
