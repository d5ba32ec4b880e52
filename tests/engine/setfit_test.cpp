// A directory with SetFit's head: scores are the head's over the embeddings, which stay what they are.
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "loaders/setfit.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/engine/reference_case.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::test {
namespace {

namespace fs = std::filesystem;
using engine::Model;

struct SetFitModel : testing::Test {
  TempDirectory files;
  const fs::path heads = fs::path(BERTH_SOURCE_DIR) / "tests/loaders/setfit";

  void SetUp() override {
    fs::copy(reference("st-mean"), path(), fs::copy_options::recursive);
    head("wide.pkl");
    files.write("model/config_setfit.json", R"({"labels":["refund","delay","praise"],"normalize_embeddings":true})");
  }
  void head(const char* name) { fs::copy_file(heads / name, path() / "model_head.pkl", fs::copy_options::overwrite_existing); }
  fs::path path() const { return files / "model"; }
};

TEST_F(SetFitModel, ClassifiesItsEmbeddings) {
  const auto model = Model::load(path().string(), {.threads = 2});
  ASSERT_TRUE(model->config().has_sequence_classifier());
  EXPECT_EQ(model->config().labels, (std::vector<std::string>{"refund", "delay", "praise"}));
  EXPECT_NE(model->info().find("\"task\":\"sequence-classification\""), std::string::npos);
  const auto plain = Model::load(reference("st-mean").string(), {.threads = 2});
  const auto stored = loaders::read_setfit_head(path()).value();
  const ReferenceInputs set = ReferenceCase(path()).input_sets().front();
  const auto inputs = set.inputs();
  const std::size_t size = model->embedding_size();
  std::vector<float> embeddings(inputs.size() * size), same(embeddings.size()), scores(inputs.size() * 3), logits(scores.size());
  std::vector<berth_row> rows(inputs.size());
  plain->encode(inputs, {}, embeddings.data(), nullptr, nullptr);
  model->encode(inputs, {}, same.data(), nullptr, nullptr);
  EXPECT_EQ(same, embeddings);
  model->classify(inputs, {}, false, scores.data(), rows.data());
  model->classify(inputs, {}, true, logits.data(), nullptr);
  for (std::size_t row = 0; row < inputs.size(); ++row) {
    EXPECT_EQ(rows[row].tokens, set.ids[row].size());
    double norm = 0, sum = 0;
    for (std::size_t i = 0; i < size; ++i) norm += static_cast<double>(embeddings[row * size + i]) * static_cast<double>(embeddings[row * size + i]);
    std::vector<double> expected(3);
    for (std::size_t label = 0; label < 3; ++label) {
      for (std::size_t i = 0; i < size; ++i)
        expected[label] += static_cast<double>(stored.weight[label * size + i]) * static_cast<double>(embeddings[row * size + i]) / std::sqrt(norm);
      expected[label] += static_cast<double>(stored.bias[label]);
      EXPECT_NEAR(static_cast<double>(logits[row * 3 + label]), expected[label], 1e-5);
      sum += std::exp(expected[label]);
    }
    for (std::size_t label = 0; label < 3; ++label) EXPECT_NEAR(static_cast<double>(scores[row * 3 + label]), std::exp(expected[label]) / sum, 1e-5);
    std::vector<float> alone(3);
    model->classify({&inputs[row], 1}, {}, false, alone.data(), nullptr);
    for (std::size_t label = 0; label < 3; ++label) EXPECT_EQ(alone[label], scores[row * 3 + label]) << "bits do not depend on the batch";
  }
}

TEST_F(SetFitModel, InfoNamesWhatWasOpened) {
  const std::string plain = R"("files":["1_Pooling/config.json","config.json",)";
  const std::string info = Model::load(path().string(), {.threads = 1})->info();
  EXPECT_NE(info.find(R"("model.safetensors","model_head.pkl","modules.json")"), std::string::npos) << info;
  EXPECT_NE(info.find("\"config_setfit.json\","), std::string::npos) << info;
  fs::remove(path() / "model_head.pkl");
  const std::string without = Model::load(path().string(), {.threads = 1})->info();
  EXPECT_NE(without.find(plain), std::string::npos) << without;
  EXPECT_EQ(without.find("setfit"), std::string::npos) << "nobody reads it without a head: " << without;
}

TEST_F(SetFitModel, LongTextsAreWindowsOfScores) {
  const auto model = Model::load(path().string(), {.threads = 1});
  std::string text;
  for (std::size_t i = 0; i < 3 * model->max_length(); ++i) text += "word ";
  const std::vector<std::string> texts = {text};
  const std::vector<berth_input> inputs = text_inputs(texts);
  std::vector<float> mean(3), largest(3), scores(3);
  berth_row row{};
  model->classify(inputs, {.long_text = engine::LongText::window}, false, mean.data(), &row);
  EXPECT_EQ(row.truncated, 0U);
  EXPECT_GT(row.windows, 1U);
  model->classify(inputs, {.long_text = engine::LongText::window, .window_scores = engine::WindowScores::max}, false, largest.data(), nullptr);
  EXPECT_NEAR(mean[0] + mean[1] + mean[2], 1.0F, 1e-5F);
  for (std::size_t label = 0; label < 3; ++label) EXPECT_LE(mean[label], largest[label]);
  expect_error(base::ErrorCode::invalid_argument, {"prompt"}, [&] { model->classify(inputs, {.prompt = "a"}, false, scores.data(), nullptr); });
}

TEST_F(SetFitModel, AHeadThatBerthCannotRunLeavesTheEmbeddings) {
  head("svc.pkl");
  const auto model = Model::load(path().string(), {.threads = 1});
  EXPECT_FALSE(model->config().has_sequence_classifier());
  const std::vector<std::int32_t> ids = {2, 5, 3};
  const std::vector<berth_input> inputs = {ids_input(ids)};
  std::vector<float> out(model->embedding_size());
  model->encode(inputs, {}, out.data(), nullptr, nullptr);
  expect_error(base::ErrorCode::unsupported, {"model_head.pkl", "\"LinearSVC\""}, [&] { model->classify(inputs, {}, false, out.data(), nullptr); });
}

// What options do to embeddings they do not do to those that the head takes.
TEST_F(SetFitModel, OptionsForEmbeddings) {
  const auto model = Model::load(path().string(), {.threads = 1});
  const ReferenceInputs set = ReferenceCase(path()).input_sets().front();
  const auto inputs = set.inputs();
  std::vector<float> expected(inputs.size() * 3), scores(expected.size());
  model->classify(inputs, {}, false, expected.data(), nullptr);
  model->classify(inputs, {.truncate_dim = 16, .normalize = true, .keep_lengths = true}, false, scores.data(), nullptr);
  EXPECT_EQ(scores, expected);
}

// Batches of one row have the bits of all rows together.
TEST_F(SetFitModel, ManyBatches) {
  const auto model = Model::load(path().string(), {.threads = 2});
  const ReferenceInputs set = ReferenceCase(path()).input_sets().front();
  const auto inputs = set.inputs();
  ASSERT_GT(inputs.size(), 1U);
  std::vector<float> expected(inputs.size() * 3), scores(expected.size());
  model->classify(inputs, {}, false, expected.data(), nullptr);
  model->classify(inputs, {.batch_tokens = 1}, false, scores.data(), nullptr);
  EXPECT_EQ(scores, expected);
}

TEST_F(SetFitModel, AHeadOfAnotherSize) {
  head("four.pkl");
  fs::remove(path() / "config_setfit.json");
  expect_error(base::ErrorCode::corrupt_file, {"model_head.pkl", "6 values", "32"}, [&] { Model::load(path().string(), {.threads = 1}); });
}

}  // namespace
}  // namespace berth::test
