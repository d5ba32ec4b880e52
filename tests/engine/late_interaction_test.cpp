// Vectors for each token: attention that leaves a row's last tokens out, against what the Hugging Face code gives for padded rows; projections, marks and
// skipped tokens against their definitions over recorded hidden states; BGE-M3's two extra layers likewise.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/encoder.hpp"
#include "engine/model.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/engine/reference_case.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/normals.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/torch_writer.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;
using engine::Model;
using engine::TokenValues;

TEST(Attended, PaddedPositionsAsTheLibraryComputesThem) {
  for (const char* name : {"bert", "roberta", "mpnet", "albert", "nomic-bert", "jina-bert", "electra"}) {
    SCOPED_TRACE(name);
    const ReferenceCase one(reference(name));
    const auto padding = base::read_json_file(reference(name) / "config.json").value("pad_token_id", 0);
    const ReferenceInputs set = one.input_sets().front();
    const ExpectedTensor expected = one.tensor("last_hidden_state").value();
    for (const int threads : {1, 2}) {
      const auto model = Model::load(reference(name).string(), {.threads = threads});
      engine::Workspace workspace;
      for (std::size_t row = 0; row < set.ids.size(); ++row) {
        std::vector<std::int32_t> ids = set.ids[row];
        workspace.batch.attended.push_back(ids.size());
        ids.resize(set.padded_length, padding);
        workspace.batch.ids.insert(workspace.batch.ids.end(), ids.begin(), ids.end());
        std::vector<std::int32_t> types = set.type_ids[row];
        types.resize(set.padded_length, 0);
        workspace.batch.type_ids.insert(workspace.batch.type_ids.end(), types.begin(), types.end());
        workspace.batch.cumulative_lengths.push_back(workspace.batch.ids.size());
      }
      engine::prepare(model->compute(), model->config(), model->weights(), workspace);
      engine::run_encoder(model->compute(), model->config(), model->weights(), {}, workspace);
      double worst = 0.0;
      for (std::size_t i = 0; i < expected.values.size(); ++i)
        worst = std::max(worst, std::abs(static_cast<double>(workspace.hidden()[i]) - static_cast<double>(expected.values[i])));
      EXPECT_LE(worst / std::max(1.0, expected.scale), kReferenceTolerance);
    }
  }
}

// The case "bert" as a late-interaction directory: 48 values to 20, no bias, normalised.
class LateDirectory {
 public:
  static constexpr std::size_t kHidden = 48;
  static constexpr std::size_t kSize = 20;

  explicit LateDirectory(const std::string& config = kPylate) : weight(normals(kSize * kHidden, 3, 0.3F)) {
    std::filesystem::copy(reference("bert"), path(), std::filesystem::copy_options::recursive);
    write("modules.json", R"([{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},
                              {"idx":1,"name":"1","path":"1_Dense","type":"pylate.models.Dense.Dense"}])");
    write("1_Dense/config.json", R"({"in_features":48,"out_features":20,"bias":false,"activation_function":"torch.nn.modules.linear.Identity"})");
    write("1_Dense/model.safetensors", safetensors({f32("linear.weight", {kSize, kHidden}, weight)}));
    write("config_sentence_transformers.json", config);
  }
  std::filesystem::path path() const { return files_ / "model"; }
  void write(const std::string& name, const std::string& text) const { files_.write("model/" + name, text); }
  std::unique_ptr<const Model> load(int threads = 1) const { return Model::load(path().string(), {.threads = threads}); }

  static constexpr const char* kPylate =
      R"({"prompts":{},"similarity_fn_name":"MaxSim","query_prefix":"#","document_prefix":"$","query_length":16,"document_length":24,
          "attend_to_expansion_tokens":false,"skiplist_words":["!",".",",","?","no such token"]})";

  std::vector<float> weight;  // [20, 48]

 private:
  TempDirectory files_;
};

TokenValues multi(const Model& model, const std::vector<berth_input>& inputs, bool query, std::vector<berth_row>* rows = nullptr,
                  engine::RunOptions options = {}) {
  TokenValues values;
  if (rows != nullptr) rows->resize(inputs.size());
  options.query = query;
  model.encode_vectors(inputs, options, {.multi = &values}, rows == nullptr ? nullptr : rows->data());
  return values;
}

// normalised(weight hidden), in double.
std::vector<double> project(const float* hidden, const std::vector<float>& weight, const std::vector<float>& bias, std::size_t size, std::size_t hidden_size) {
  std::vector<double> out(size);
  double length = 0.0;
  for (std::size_t o = 0; o < size; ++o) {
    out[o] = bias.empty() ? 0.0 : static_cast<double>(bias[o]);
    for (std::size_t i = 0; i < hidden_size; ++i) out[o] += static_cast<double>(weight[o * hidden_size + i]) * static_cast<double>(hidden[i]);
    length += out[o] * out[o];
  }
  for (double& value : out) value /= std::sqrt(length);
  return out;
}

TEST(LateInteraction, VectorsOfIds) {
  const LateDirectory directory;
  const ReferenceCase one(reference("bert"));
  const auto model = directory.load(2);
  EXPECT_EQ(model->vector_kinds(), unsigned{BERTH_MULTI});
  EXPECT_EQ(model->default_vector_kind(), unsigned{BERTH_MULTI});
  const std::vector<std::int32_t> skipped = {*model->tokenizer()->id("!"), *model->tokenizer()->id("."), *model->tokenizer()->id(","),
                                             *model->tokenizer()->id("?")};
  for (const ReferenceInputs& set : one.input_sets()) {
    const ExpectedTensor hidden = one.tensor(set.prefix + "last_hidden_state").value();
    for (const bool query : {true, false}) {
      const TokenValues got = multi(*model, set.inputs(), query);
      ASSERT_EQ(got.size, LateDirectory::kSize);
      std::size_t at = 0;
      for (std::size_t row = 0; row < set.ids.size(); ++row) {
        for (std::size_t t = 0; t < set.ids[row].size(); ++t) {
          if (!query && std::count(skipped.begin(), skipped.end(), set.ids[row][t]) > 0) continue;
          const auto expected = project(hidden.values.data() + (row * set.padded_length + t) * 48, directory.weight, {}, 20, 48);
          for (std::size_t i = 0; i < expected.size(); ++i)
            ASSERT_NEAR(static_cast<double>(got.values[at++]), expected[i], 5e-5) << set.prefix << row << " " << t;
        }
        ASSERT_EQ(got.first_token[row + 1] * got.size, at);
      }
    }
  }
}

// What a text becomes, against ids put together by hand.
TEST(LateInteraction, MarksAndExpansion) {
  for (const bool attend : {false, true}) {
    std::string config = LateDirectory::kPylate;
    if (attend) config.replace(config.find("\"attend_to_expansion_tokens\":false"), 34, "\"attend_to_expansion_tokens\":true ");
    const LateDirectory directory(config);
    const auto model = directory.load();
    const std::string text = "the cat sat on the mat";
    std::vector<std::int32_t> ids = model->tokenizer()->encode(text).ids;
    ids.insert(ids.begin() + 1, *model->tokenizer()->id("#"));
    const std::size_t own = ids.size();
    ASSERT_LT(own, 16U);
    ids.resize(16, *model->tokenizer()->mask_id());
    std::vector<berth_row> rows;
    const TokenValues query = multi(*model, {text_input(text)}, true, &rows);
    EXPECT_EQ(rows[0].tokens, 16U);
    EXPECT_EQ(rows[0].truncated, 0U);
    ASSERT_EQ(query.first_token.back(), 16U);
    const TokenValues seen = multi(*model, {ids_input(ids)}, true);
    double difference = 0.0;
    for (std::size_t i = 0; i < seen.values.size(); ++i) difference = std::max(difference, std::abs(static_cast<double>(seen.values[i] - query.values[i])));
    if (attend) {
      EXPECT_EQ(query.values, seen.values);
    } else {
      // Its own tokens are as if nothing had been filled up.
      const TokenValues alone = multi(*model, {ids_input({ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(own)})}, true);
      EXPECT_TRUE(std::equal(alone.values.begin(), alone.values.end(), query.values.begin()));
      EXPECT_GT(difference, 1e-3);
    }
    ids.resize(own);
    ids[1] = *model->tokenizer()->id("$");
    EXPECT_EQ(multi(*model, {text_input(text)}, false).values, multi(*model, {ids_input(ids)}, false).values);
  }
}

TEST(LateInteraction, LongTextsAreCutBesideTheirMark) {
  const auto model = LateDirectory().load();
  std::string text;
  for (int i = 0; i < 50; ++i) text += "cat ";
  std::vector<berth_row> rows;
  multi(*model, {text_input(text), text_input("cat")}, true, &rows);
  EXPECT_EQ(rows[0].tokens, 16U);
  EXPECT_EQ(rows[0].truncated, 1U);
  EXPECT_EQ(rows[1].truncated, 0U);
  multi(*model, {text_input(text)}, false, &rows);
  EXPECT_EQ(rows[0].tokens, 24U);
  EXPECT_EQ(rows[0].truncated, 1U);
  multi(*model, {text_input("cat")}, true, &rows, {.max_length = 8});
  EXPECT_EQ(rows[0].tokens, 8U);
  // The mark counts in what is told about texts that are too long.
  expect_error(ErrorCode::too_long, {"input 0: 53 tokens, but 24 are the limit"},
               [&] { multi(*model, {text_input(text)}, false, nullptr, {.long_text = engine::LongText::error}); });
}

TEST(LateInteraction, BitsDoNotDependOnTheBatch) {
  const LateDirectory directory;
  const std::vector<std::string> texts = {"the cat", "what is the weather in the city today?", "", "dog", "the quick brown fox jumps over the lazy dog"};
  std::vector<berth_input> inputs;
  for (int i = 0; i < 12; ++i)
    for (const std::string& text : texts) inputs.push_back(text_input(text));
  for (const char* precision : {"fp32", "bf16", "int8"}) {
    std::vector<std::vector<float>> all;
    for (const int threads : {1, 2})
      for (const std::size_t tokens : {std::size_t{1}, std::size_t{100}, std::size_t{4096}}) {
        const auto model = Model::load(directory.path().string(), {.threads = threads, .precision = precision});
        all.push_back(multi(*model, inputs, true, nullptr, {.batch_tokens = tokens}).values);
      }
    for (const auto& values : all) EXPECT_EQ(values, all.front()) << precision;
  }
}

TEST(LateInteraction, MaxSim) {
  const auto model = LateDirectory().load(2);
  const std::vector<std::string> texts = {"the cat sat on the mat", "", "what is the weather?", "dog!"};
  std::vector<berth_input> inputs;
  for (int i = 0; i < 40; ++i)
    for (const std::string& text : texts) inputs.push_back(text_input(text));  // more than are held at a time
  const std::string query = "where is the cat";
  std::vector<float> scores(inputs.size());
  std::vector<berth_row> rows(inputs.size() + 1);
  model->rerank_late(text_input(query), inputs, {}, scores.data(), rows.data());
  EXPECT_EQ(rows[0].tokens, 16U);
  EXPECT_EQ(rows[2].tokens, 3U);
  const std::string bad = "\xff";
  std::vector<berth_input> with_bad = inputs;
  with_bad[130] = text_input(bad);
  expect_error(ErrorCode::invalid_argument, {"input 130: text is not valid UTF-8"},
               [&] { model->rerank_late(text_input(query), with_bad, {}, scores.data(), nullptr); });
  expect_error(ErrorCode::invalid_argument, {"query: text is not valid UTF-8"},
               [&] { model->rerank_late(text_input(bad), inputs, {}, scores.data(), nullptr); });
  model->rerank_late(text_input(query), inputs, {}, scores.data(), rows.data());
  const TokenValues q = multi(*model, {text_input(query)}, true);
  const TokenValues d = multi(*model, inputs, false);
  for (std::size_t text = 0; text < inputs.size(); ++text) {
    double sum = 0.0;
    for (std::size_t i = 0; i < q.first_token.back(); ++i) {
      double best = -1e9;
      for (std::size_t j = d.first_token[text]; j < d.first_token[text + 1]; ++j) {
        double product = 0.0;
        for (std::size_t k = 0; k < q.size; ++k) product += static_cast<double>(q.values[i * q.size + k]) * static_cast<double>(d.values[j * q.size + k]);
        best = std::max(best, product);
      }
      sum += best;
    }
    EXPECT_NEAR(static_cast<double>(scores[text]), sum, 1e-4);
  }
  const std::vector<float> two = {1, 0, 0, 1};
  EXPECT_EQ(engine::max_similarity(model->compute().kernels, two, {}, 2), 0.0F);
  EXPECT_EQ(engine::max_similarity(model->compute().kernels, {}, two, 2), 0.0F);
}

TEST(LateInteraction, TheSecondGeneration) {
  const LateDirectory directory(R"({"model_type":"MultiVectorEncoder","similarity_fn_name":"maxsim","prompts":{"query":"# ","document":"$ "}})");
  directory.write("modules.json", R"([{"idx":0,"name":"0","path":"","type":"sentence_transformers.base.modules.transformer.Transformer"},
    {"idx":1,"name":"1","path":"1_Dense","type":"sentence_transformers.base.modules.dense.Dense"},
    {"idx":2,"name":"2","path":"2_MultiVectorMask","type":"sentence_transformers.multi_vector_encoder.modules.multi_vector_mask.MultiVectorMask"},
    {"idx":3,"name":"3","path":"3_Normalize","type":"sentence_transformers.base.modules.normalize.Normalize"}])");
  directory.write("1_Dense/config.json", R"({"in_features":48,"out_features":20,"bias":false,"activation_function":"torch.nn.modules.linear.Identity",
    "module_input_name":"token_embeddings","module_output_name":"token_embeddings"})");
  directory.write("2_MultiVectorMask/config.json", R"({"skiplist_words":["."],"skiplist_tasks":["document"],"keep_only_token_ids":null})");
  directory.write("3_Normalize/config.json", R"({"module_input_name":"token_embeddings"})");
  directory.write("sentence_bert_config.json", R"({"transformer_task":"feature-extraction","query_length":16,"document_length":24,
    "query_expansion":{"strategy":"fixed","attend":false,"length":16}})");
  const auto newer = directory.load();
  const auto older = LateDirectory().load();
  const berth_input text = text_input("the cat sat");
  EXPECT_EQ(multi(*newer, {text}, true).values, multi(*older, {text}, true).values);  // "# the cat sat": the same tokens
  EXPECT_EQ(multi(*newer, {text}, false).values, multi(*older, {text}, false).values);
  directory.write("2_MultiVectorMask/config.json", R"({"keep_only_token_ids":[5]})");
  expect_error(ErrorCode::unsupported, {"2_MultiVectorMask", "keep_only_token_ids"}, [&] { directory.load(); });
  directory.write("2_MultiVectorMask/config.json", R"({"skiplist_tasks":["query"]})");
  expect_error(ErrorCode::unsupported, {"skiplist_tasks"}, [&] { directory.load(); });
  directory.write("2_MultiVectorMask/config.json", "{}");
  directory.write("sentence_bert_config.json", R"({"query_expansion":{"strategy":"other"}})");
  expect_error(ErrorCode::unsupported, {"query_expansion.strategy", "other"}, [&] { directory.load(); });
}

// The projection among the transformer's tensors, and artifact.metadata.
TEST(LateInteraction, StanfordColbert) {
  const LateDirectory directory;
  std::filesystem::remove(directory.path() / "modules.json");
  std::filesystem::remove(directory.path() / "config_sentence_transformers.json");
  base::Json config = base::read_json_file(directory.path() / "config.json");
  config["architectures"] = {"HF_ColBERT"};
  directory.write("config.json", config.dump());
  expect_error(ErrorCode::corrupt_file, {"model.safetensors", "linear.weight", "missing"}, [&] { Model::load(directory.path().string(), {.threads = 1}); });
  std::vector<TensorToWrite> tensors = {f32("linear.weight", {LateDirectory::kSize, LateDirectory::kHidden}, directory.weight)};
  const auto store = loaders::TensorStore::open(reference("bert"));
  for (const auto& tensor : store.tensors())
    tensors.push_back(
        {"bert." + tensor.name, tensor.dtype_name, tensor.shape, std::string(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size())});
  directory.write("model.safetensors", safetensors(tensors));
  directory.write("artifact.metadata", R"({"query_token_id":"#","doc_token_id":"$","query_maxlen":16,"doc_maxlen":24,"mask_punctuation":false,"dim":20})");
  const auto stanford = directory.load();
  const auto pylate = LateDirectory().load();
  EXPECT_EQ(stanford->default_vector_kind(), unsigned{BERTH_MULTI});
  const std::vector<berth_input> inputs = {text_input("the cat sat"), text_input("")};
  EXPECT_EQ(multi(*stanford, inputs, true).values, multi(*pylate, inputs, true).values);
  EXPECT_EQ(multi(*stanford, inputs, false).values, multi(*pylate, inputs, false).values);
  directory.write("artifact.metadata", R"({"query_token_id":"[nothing]","doc_token_id":"$"})");
  expect_error(ErrorCode::unsupported, {"[nothing]"}, [&] { directory.load(); });
}

TEST(LateInteraction, WhatIsRefused) {
  const LateDirectory directory;
  const auto rejects = [&](ErrorCode code, const std::vector<std::string>& parts) { expect_error(code, parts, [&] { directory.load(); }); };
  directory.write("config_sentence_transformers.json", R"({"query_prefix":"[nothing]"})");
  rejects(ErrorCode::unsupported, {"[nothing]", "tokenizer"});
  directory.write("config_sentence_transformers.json", R"({"query_prefix":"#","document_prefix":"$","query_length":1})");
  rejects(ErrorCode::corrupt_file, {"query_length", "1"});
  directory.write("config_sentence_transformers.json", R"({"query_prefix":"#","document_prefix":"$","skiplist_words":[1]})");
  rejects(ErrorCode::corrupt_file, {"skiplist_words"});
  directory.write("config_sentence_transformers.json", LateDirectory::kPylate);
  directory.write("1_Dense/config.json", R"({"in_features":47,"out_features":20,"bias":false})");
  rejects(ErrorCode::corrupt_file, {"1_Dense", "linear.weight"});
  directory.write("1_Dense/model.safetensors", safetensors({zeros("linear.weight", {20, 47})}));
  rejects(ErrorCode::corrupt_file, {"1_Dense/config.json", "in_features", "48", "47"});
  std::vector<float> out(48);
  const auto model = LateDirectory().load();
  expect_error(ErrorCode::unsupported, {"multi-vector"}, [&] { model->encode(std::vector{text_input("x")}, {}, out.data(), nullptr, nullptr); });
  expect_error(ErrorCode::unsupported, {"truncate_dim", "only sentence embeddings"}, [&] { model->embedding_size({.truncate_dim = 1}); });
  const auto dense = Model::load(reference("bert").string(), {.threads = 1});
  expect_error(ErrorCode::unsupported, {"late-interaction"}, [&] { multi(*dense, {text_input("x")}, false); });
}

// The case "st-xlm-roberta-cls" with BGE-M3's extra layers: 32 values to 12, and to one weight.
struct BgeM3 : testing::Test {
  TempDirectory files;
  std::vector<float> projection = normals(12 * 32, 8, 0.3F), bias = normals(12, 9, 0.3F), weight = normals(32, 10, 0.3F), sparse_bias = {0.05F};

  void SetUp() override {
    std::filesystem::copy(reference("st-xlm-roberta-cls"), path(), std::filesystem::copy_options::recursive);
    files.write("model/colbert_linear.safetensors", safetensors({f32("weight", {12, 32}, projection), f32("bias", {12}, bias)}));
    files.write("model/sparse_linear.safetensors", safetensors({f32("weight", {1, 32}, weight), f32("bias", {1}, sparse_bias)}));
  }
  std::filesystem::path path() const { return files / "model"; }
};

TEST_F(BgeM3, ThreeKindsFromOnePass) {
  const ReferenceCase one(path());
  const auto model = Model::load(path().string(), {.threads = 2});
  EXPECT_EQ(model->vector_kinds(), unsigned{BERTH_DENSE} | BERTH_SPARSE | BERTH_MULTI);
  EXPECT_EQ(model->default_vector_kind(), unsigned{BERTH_DENSE});
  for (const ReferenceInputs& set : one.input_sets()) {
    const ExpectedTensor hidden = one.tensor(set.prefix + "last_hidden_state").value();
    std::vector<float> dense(set.ids.size() * 32), same(dense.size());
    engine::SparseVectors sparse;
    TokenValues vectors;
    model->encode_vectors(set.inputs(), {}, {.dense = dense.data(), .sparse = &sparse, .multi = &vectors}, nullptr);
    model->encode(set.inputs(), {}, same.data(), nullptr, nullptr);
    EXPECT_EQ(dense, same);
    for (std::size_t row = 0, at = 0; row < set.ids.size(); ++row) {
      std::map<std::int32_t, double> weights;
      for (std::size_t t = 0; t < set.ids[row].size(); ++t) {
        const float* x = hidden.values.data() + (row * set.padded_length + t) * 32;
        if (t > 0) {  // the first token has no vector
          const auto expected = project(x, projection, bias, 12, 32);
          for (const double value : expected) ASSERT_NEAR(static_cast<double>(vectors.values[at++]), value, 5e-5);
        }
        if (set.ids[row][t] <= 3) continue;  // <s>, <pad>, </s>, <unk>
        double value = static_cast<double>(sparse_bias[0]);
        for (std::size_t i = 0; i < 32; ++i) value += static_cast<double>(weight[i]) * static_cast<double>(x[i]);
        if (value > 0) weights[set.ids[row][t]] = std::max(weights[set.ids[row][t]], value);
      }
      ASSERT_EQ(vectors.first_token[row + 1] * 12, at);
      ASSERT_EQ(sparse.first[row + 1] - sparse.first[row], weights.size()) << set.prefix << row;
      std::size_t i = sparse.first[row];
      for (const auto& [id, value] : weights) {
        EXPECT_EQ(sparse.values[i].index, static_cast<std::uint32_t>(id));
        EXPECT_NEAR(static_cast<double>(sparse.values[i++].value), value, 5e-5);
      }
    }
  }
}

// As they are published.
TEST_F(BgeM3, LayersOfPyTorch) {
  const auto run = [&] {
    const auto model = Model::load(path().string(), {.threads = 1});
    const std::vector<std::int32_t> ids = {0, 7, 9, 11, 2};
    const std::vector<berth_input> inputs = {ids_input(ids)};
    engine::SparseVectors sparse;
    TokenValues vectors;
    model->encode_vectors(inputs, {}, {.sparse = &sparse, .multi = &vectors}, nullptr);
    for (const auto& entry : sparse.values) vectors.values.push_back(entry.value);
    return vectors.values;
  };
  const std::vector<float> expected = run();
  const auto bytes = [](const std::vector<float>& values) { return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)); };
  for (const char* name : {"colbert_linear", "sparse_linear"}) std::filesystem::remove(path() / (std::string(name) + ".safetensors"));
  files.write("model/colbert_linear.pt",
              torch_checkpoint({{"weight", "FloatStorage", "0", 12 * 32, 0, {12, 32}, {32, 1}}, {"bias", "FloatStorage", "1", 12, 0, {12}, {1}}},
                               {{"0", bytes(projection)}, {"1", bytes(bias)}}));
  files.write("model/sparse_linear.pt",
              torch_checkpoint({{"weight", "FloatStorage", "0", 32, 0, {1, 32}, {32, 1}}, {"bias", "FloatStorage", "1", 1, 0, {1}, {1}}},
                               {{"0", bytes(weight)}, {"1", bytes(sparse_bias)}}));
  EXPECT_EQ(run(), expected);
}

TEST_F(BgeM3, WhatIsRefused) {
  const auto rejects = [&](ErrorCode code, const std::vector<std::string>& parts) {
    expect_error(code, parts, [&] { Model::load(path().string(), {.threads = 1}); });
  };
  files.write("model/sparse_linear.safetensors", safetensors({zeros("weight", {1, 31}), zeros("bias", {1})}));
  rejects(ErrorCode::corrupt_file, {"sparse_linear.safetensors", "weight", "[1, 31]", "[1, 32]"});
  files.write("model/sparse_linear.safetensors", safetensors({zeros("weight", {1, 32})}));
  rejects(ErrorCode::corrupt_file, {"sparse_linear.safetensors", "bias", "missing"});
  std::filesystem::remove(path() / "sparse_linear.safetensors");
  files.write("model/colbert_linear.safetensors", safetensors({zeros("weight", {12, 33}), zeros("bias", {12})}));
  rejects(ErrorCode::corrupt_file, {"colbert_linear.safetensors", "[12, 33]", "[12, 32]"});
  files.write("model/colbert_linear.safetensors", "PK\x03\x04 a pickle");
  rejects(ErrorCode::corrupt_file, {"colbert_linear.safetensors"});
}

}  // namespace
}  // namespace berth::test
