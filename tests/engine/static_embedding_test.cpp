// Static models: means of rows computed by hand, in the layouts of model2vec and of sentence-transformers.
#include "engine/static_embedding.hpp"

#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/word_tokenizer.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;
using engine::Model;
using Rows = std::vector<std::vector<float>>;

// Six words, lower case; [CLS] is there to be left away. The tokens have 1, 1, 3, 3, 5, 5, 7 and 16 letters: the middle is 4.
constexpr std::string_view kWords = R"("a":2,"cat":3,"sat":4,"quickly":5,"extraordinarily?":6,"é":7)";

// Row r of the table is r + 0.5, -r, 10 r.
Rows table(std::size_t rows = 8) {
  Rows all;
  for (std::size_t r = 0; r < rows; ++r) all.push_back({static_cast<float>(r) + 0.5F, -static_cast<float>(r), 10.0F * static_cast<float>(r)});
  return all;
}
template <class Value>
std::string bytes(const std::vector<Value>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value)};
}
TensorToWrite f32(const std::string& name, const Rows& rows) {
  std::vector<float> values;
  for (const auto& row : rows) values.insert(values.end(), row.begin(), row.end());
  return test::f32(name, {rows.size(), rows.front().size()}, values);
}

struct StaticModel : testing::Test {
  TempDirectory files;
  void SetUp() override {
    files.write("tokenizer.json", word_tokenizer(kWords));
    files.write("config.json", R"({"model_type":"model2vec","architectures":["StaticModel"],"normalize":false,"hidden_dim":3})");
    files.write("model.safetensors", safetensors({f32("embeddings", table())}));
  }
  std::unique_ptr<const Model> load(int threads = 1) const { return Model::load(files.path().string(), {.threads = threads}); }
  static Rows encode(const Model& model, const std::vector<std::string>& texts, std::vector<berth_row>* rows = nullptr, engine::RunOptions options = {}) {
    const std::vector<berth_input> inputs = text_inputs(texts);
    if (rows != nullptr) rows->resize(texts.size());
    const std::size_t size = model.embedding_size(options);
    std::vector<float> out(texts.size() * size);
    model.encode(inputs, options, out.data(), rows == nullptr ? nullptr : rows->data(), nullptr);
    Rows result;
    for (std::size_t i = 0; i < texts.size(); ++i)
      result.emplace_back(out.begin() + static_cast<std::ptrdiff_t>(i * size), out.begin() + static_cast<std::ptrdiff_t>((i + 1) * size));
    return result;
  }
  void rejects(ErrorCode code, const std::vector<std::string>& parts) const {
    expect_error(code, parts, [&] { load(); });
  }
};

TEST_F(StaticModel, MeansOfRows) {
  const auto model = load();
  EXPECT_EQ(model->embedding_size(), 3U);
  EXPECT_EQ(model->config().vocab_size, 8U);
  EXPECT_EQ(model->max_length(), 512U);
  EXPECT_EQ(model->weights().bytes, 8U * 3U * 4U);
  std::vector<berth_row> rows;
  const Rows got = encode(*model, {"A cat sat", "sat", "a dog, a cat", "", "dog"}, &rows);
  EXPECT_EQ(got, (Rows{{3.5F, -3.0F, 30.0F},
                       {4.5F, -4.0F, 40.0F},
                       {(2.5F + 2.5F + 3.5F) * (1.0F / 3.0F), -7.0F * (1.0F / 3.0F), 70.0F * (1.0F / 3.0F)},
                       {0, 0, 0},
                       {0, 0, 0}}));  // unknown words are left out
  EXPECT_EQ(rows[0].tokens, 3U);
  EXPECT_EQ(rows[2].tokens, 3U);
  EXPECT_EQ(rows[3].tokens, 0U);
  EXPECT_EQ(rows[4].truncated, 0U);
}

// The libraries use the tokenizer as its file describes it: what it cuts is gone, unknown words counting.
TEST_F(StaticModel, CutAsTheTokenizersFileSays) {
  files.write("tokenizer.json", word_tokenizer(kWords, R"("truncation":{"direction":"Right","max_length":3,"strategy":"LongestFirst","stride":0})"));
  const auto model = load();
  std::vector<berth_row> rows;
  EXPECT_EQ(encode(*model, {"a dog cat sat", "cat cat cat"}, &rows), (Rows{{3.0F, -2.5F, 25.0F}, {3.5F, -3.0F, 30.0F}}));
  EXPECT_EQ(rows[0].tokens, 2U);
  EXPECT_EQ(rows[0].truncated, 1U);
  EXPECT_EQ(rows[1].truncated, 0U);
  expect_error(ErrorCode::too_long, {"input 0", "4 tokens", "3"}, [&] { encode(*model, {"a dog cat sat"}, nullptr, {.long_text = engine::LongText::error}); });
}

TEST_F(StaticModel, NormalizedWhereTheConfigSaysSo) {
  files.write("config.json", R"({"model_type":"model2vec","normalize":true})");
  const auto model = load();
  const Rows got = encode(*model, {"cat sat", ""});
  const float length = std::sqrt(16.0F + 3.5F * 3.5F + 35.0F * 35.0F);
  EXPECT_NEAR(got[0][0], 4.0F / length, 1e-6F);
  EXPECT_NEAR(got[0][2], 35.0F / length, 1e-6F);
  EXPECT_EQ(got[1], (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(encode(*model, {"cat sat"}, nullptr, {.truncate_dim = 2, .normalize = true})[0].size(), 2U);
}

TEST_F(StaticModel, MappingAndWeights) {
  // Words share rows of a smaller table; weights go by the word.
  const std::vector<std::int64_t> mapping = {0, 0, 1, 2, 2, 3, 3, 0};
  const std::vector<double> weights = {1, 1, 0.5, 2, 1, 1, 1, 1};
  files.write("model.safetensors",
              safetensors({f32("embeddings", table(4)), {"mapping", "I64", {8}, bytes(mapping)}, {"weights", "F64", {8}, bytes(weights)}}));
  const auto model = load();
  EXPECT_EQ(model->config().vocab_size, 8U);
  EXPECT_EQ(encode(*model, {"a cat sat"})[0], (std::vector<float>{(0.75F + 5.0F + 2.5F) * (1.0F / 3.0F), -6.5F * (1.0F / 3.0F), 65.0F * (1.0F / 3.0F)}));
  EXPECT_EQ(encode(*model, {"cat"})[0], (std::vector<float>{5.0F, -4.0F, 40.0F}));
}

TEST_F(StaticModel, HalfPrecisionStaysInTheFile) {
  const std::vector<std::uint16_t> half = {0x3c00, 0x4000, 0x4200, 0x0000, 0xbc00, 0x3800};  // 1 2 3 / 0 -1 0.5
  const std::vector<std::int32_t> mapping = {0, 0, 0, 0, 1, 1, 1, 1};
  files.write("model.safetensors", safetensors({{"embeddings", "F16", {2, 3}, bytes(half)}, {"mapping", "I32", {8}, bytes(mapping)}}));
  EXPECT_EQ(encode(*load(), {"cat sat"})[0], (std::vector<float>{0.5F, 0.5F, 1.75F}));
}

TEST_F(StaticModel, LongTextsAreCutAsModel2vecDoes) {
  const auto model = load();
  std::string cats;
  for (int i = 0; i < 600; ++i) cats += "cat ";
  std::vector<berth_row> rows;
  encode(*model, {cats, cats.substr(0, 4 * 512)}, &rows);
  EXPECT_EQ(rows[0].tokens, 512U);
  EXPECT_EQ(rows[0].truncated, 1U);
  EXPECT_EQ(rows[1].tokens, 512U);
  EXPECT_EQ(rows[1].truncated, 0U);
  // The middle token has 4 letters (of 1, 1, 3, 3, 5, 5, 7 and 16), so a text is cut to 4 letters a token before anything else. "é" is one of them.
  const Rows got = encode(*model, {"é é é cat sat"}, &rows, {.max_length = 2});
  EXPECT_EQ(rows[0].tokens, 2U);
  EXPECT_EQ(rows[0].truncated, 1U);
  EXPECT_EQ(got[0], (std::vector<float>{7.5F, -7.0F, 70.0F}));
  const Rows words = encode(*model, {"quickly cat"}, &rows, {.max_length = 1});  // "quic" is no word
  EXPECT_EQ(rows[0].tokens, 0U);
  EXPECT_EQ(rows[0].truncated, 1U);
  EXPECT_EQ(words[0], (std::vector<float>{0, 0, 0}));
}

TEST_F(StaticModel, BitsDoNotDependOnTheBatch) {
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i)
    texts.push_back(std::string(static_cast<std::size_t>(i % 7), ' ') + (i % 3 == 0 ? "a cat sat quickly" : i % 3 == 1 ? "" : "sat a a"));
  const Rows expected = encode(*load(1), texts);
  for (const std::size_t tokens : {std::size_t{1}, std::size_t{50}, std::size_t{100000}})
    EXPECT_EQ(encode(*load(2), texts, nullptr, {.batch_tokens = tokens}), expected);
}

TEST_F(StaticModel, IdsAndTokens) {
  const auto model = load();
  const std::vector<std::int32_t> ids = {3, 0, 7};
  berth_input input = ids_input(ids);
  std::vector<float> out(3);
  engine::TokenValues tokens;
  model->encode({&input, 1}, {}, out.data(), nullptr, &tokens);
  EXPECT_EQ(tokens.values, (std::vector<float>{3.5F, -3, 30, 0.5F, 0, 0, 7.5F, -7, 70}));
  EXPECT_EQ(out, (std::vector<float>{11.5F * (1.0F / 3.0F), -10.0F * (1.0F / 3.0F), 100.0F * (1.0F / 3.0F)}));
  const std::vector<std::int32_t> beyond = {8};
  input.ids = beyond.data();
  input.ids_size = 1;
  expect_error(ErrorCode::invalid_argument, {"ids[0]", "8", "0 to 7"}, [&] { model->encode({&input, 1}, {}, out.data(), nullptr, nullptr); });
  berth_input pair{};
  pair.text = {"a", 1};
  pair.text_pair = {"b", 1};
  expect_error(ErrorCode::invalid_argument, {"pairs"}, [&] { model->encode({&pair, 1}, {}, out.data(), nullptr, nullptr); });
  expect_error(ErrorCode::unsupported, {"sequence-classification"}, [&] { model->classify({&input, 1}, {}, false, out.data(), nullptr); });
  engine::SparseVectors sparse;
  expect_error(ErrorCode::unsupported, {"masked-language-model"}, [&] { model->encode_vectors({&input, 1}, {}, {.sparse = &sparse}, nullptr); });
  EXPECT_NE(model->info().find("\"model_type\":\"model2vec\""), std::string::npos);
}

// sentence-transformers' own layout: a folder with the table and the tokenizer, no config.json, and unknown words count.
TEST_F(StaticModel, SentenceTransformers) {
  const TempDirectory other;
  const auto modules = [&](const std::string& path, const std::string& rest) {
    other.write("modules.json", R"([{"idx":0,"name":"0","path":")" + path + R"(","type":"sentence_transformers.models.StaticEmbedding"})" + rest + "]");
  };
  const auto load_other = [&] { return Model::load(other.path().string(), {.threads = 1}); };
  modules("0_StaticEmbedding", "");
  other.write("0_StaticEmbedding/tokenizer.json", word_tokenizer(kWords));
  other.write("0_StaticEmbedding/model.safetensors", safetensors({f32("embedding.weight", table())}));
  other.write("config_sentence_transformers.json", R"({"prompts":{},"default_prompt_name":null,"similarity_fn_name":"cosine"})");
  std::vector<berth_row> rows;
  EXPECT_EQ(encode(*load_other(), {"dog cat", "", "  sat "}, &rows), (Rows{{2.0F, -1.5F, 15.0F}, {0, 0, 0}, {4.5F, -4.0F, 40.0F}}));
  EXPECT_EQ(rows[0].tokens, 2U);
  std::string cats;
  for (int i = 0; i < 600; ++i) cats += "cat ";
  encode(*load_other(), {cats}, &rows);
  EXPECT_EQ(rows[0].tokens, 600U);
  modules("0_StaticEmbedding", R"(,{"idx":1,"name":"1","path":"1_Normalize","type":"sentence_transformers.models.Normalize"})");
  EXPECT_NEAR(encode(*load_other(), {"sat"})[0][2], 40.0F / std::sqrt(4.5F * 4.5F + 16.0F + 1600.0F), 1e-6F);
  modules("0_StaticEmbedding", R"(,{"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"})");
  other.write("1_Pooling/config.json", R"({"pooling_mode":"mean"})");
  expect_error(ErrorCode::unsupported, {"modules.json", "Pooling"}, load_other);
  other.write("config_sentence_transformers.json", R"({"model_type":"CrossEncoder"})");
  expect_error(ErrorCode::unsupported, {"StaticEmbedding", "CrossEncoder"}, load_other);
}

TEST_F(StaticModel, WhatIsRefused) {
  const auto tensors = [&](const std::vector<TensorToWrite>& list) { files.write("model.safetensors", safetensors(list)); };
  tensors({zeros("embedding", {8, 3})});
  rejects(ErrorCode::corrupt_file, {"model.safetensors", "embeddings", "embedding.weight"});
  tensors({zeros("embeddings", {24})});
  rejects(ErrorCode::corrupt_file, {"\"embeddings\"", "[24]", "[rows, values]"});
  tensors({zeros("embeddings", {7, 3})});
  rejects(ErrorCode::corrupt_file, {"model.safetensors", "\"embeddings\"", "has 7 rows", "ids up to 7"});
  const std::vector<std::int32_t> short_mapping = {0, 0, 1, 2, 2, 3};
  tensors({f32("embeddings", table(4)), {"mapping", "I32", {6}, bytes(short_mapping)}});
  rejects(ErrorCode::corrupt_file, {"model.safetensors", "\"mapping\"", "has 6 rows", "ids up to 7"});
  tensors({{"embeddings", "I8", {8, 3}, std::string(24, '\0')}});
  rejects(ErrorCode::unsupported, {"\"embeddings\"", "I8"});
  const std::vector<std::int32_t> mapping = {0, 0, 1, 2, 2, 3, -1, 0};
  tensors({f32("embeddings", table(4)), {"mapping", "I32", {8}, bytes(mapping)}});
  rejects(ErrorCode::corrupt_file, {"\"mapping\"", "value 6", "4"});
  tensors({f32("embeddings", table(4)), zeros("mapping", {8})});
  rejects(ErrorCode::unsupported, {"\"mapping\"", "F32"});
  tensors({f32("embeddings", table()), zeros("weights", {7})});
  rejects(ErrorCode::corrupt_file, {"\"weights\"", "[7]", "[8]"});
  Rows broken = table();
  broken[5][1] = NAN;
  tensors({f32("embeddings", broken)});
  rejects(ErrorCode::non_finite, {"\"embeddings\""});
}

}  // namespace
}  // namespace berth::test
