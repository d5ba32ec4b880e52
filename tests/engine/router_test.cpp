// sentence-transformers' Router: queries through another model than documents, SPLADE's table of weights among them.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.hpp"
#include "engine/model.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/engine/reference_case.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/word_tokenizer.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;
using engine::Model;
using engine::SparseVectors;
using Weights = std::vector<std::pair<std::uint32_t, float>>;

constexpr std::string_view kWords = R"("a":2,"cat":3,"sat":4,"mat":5)";

constexpr const char* kRouterModule = R"([{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Router"}])";
constexpr const char* kSparseTypes = R"("types":{"query_0_SparseStaticEmbedding":"sentence_transformers.sparse_encoder.models.SparseStaticEmbedding",
  "":"sentence_transformers.sparse_encoder.models.MLMTransformer","document_1_SpladePooling":"sentence_transformers.sparse_encoder.models.SpladePooling"})";
constexpr const char* kSparseStructure = R"("structure":{"query":["query_0_SparseStaticEmbedding"],"document":["","document_1_SpladePooling"]})";
constexpr const char* kParameters = R"("parameters":{"default_route":"document","allow_empty_key":true})";

// As SPLADE models that need no model for queries are published: the document's transformer in the directory itself.
struct SparseRouter : testing::Test {
  TempDirectory files;
  std::filesystem::path path() const { return files / "model"; }
  void write(const std::string& name, const std::string& text) const { files.write("model/" + name, text); }
  void router(const std::string& structure, const std::string& types = kSparseTypes, const std::string& parameters = kParameters) const {
    write("router_config.json", "{" + types + "," + structure + "," + parameters + "}");
  }
  void weights(const std::vector<float>& values) const {
    write("query_0_SparseStaticEmbedding/model.safetensors", safetensors({f32("weight", {values.size()}, values)}));
  }
  void SetUp() override {
    std::filesystem::copy(reference("bert-mlm"), path(), std::filesystem::copy_options::recursive);
    write("modules.json", kRouterModule);
    write("config_sentence_transformers.json", R"({"model_type":"SparseEncoder","similarity_fn_name":"dot","prompts":{"query":"cat ","document":""}})");
    router(kSparseStructure);
    write("document_1_SpladePooling/config.json", R"({"pooling_strategy":"max","activation_function":"log1p_relu"})");
    write("query_0_SparseStaticEmbedding/config.json", R"({"frozen":true})");
    write("query_0_SparseStaticEmbedding/tokenizer.json", word_tokenizer(kWords));
    write("query_0_SparseStaticEmbedding/tokenizer_config.json", R"({"model_max_length":4})");
    weights({0.25F, 7.0F, 0.0F, 1.5F, -2.0F, 0.5F});
  }
  std::unique_ptr<const Model> load() const { return Model::load(path().string(), {.threads = 2}); }
  static std::vector<Weights> encode(const Model& model, const std::vector<berth_input>& inputs, engine::RunOptions options = {}, std::size_t most = 0,
                                     std::vector<berth_row>* rows = nullptr) {
    SparseVectors sparse;
    if (rows != nullptr) rows->resize(inputs.size());
    model.encode_vectors(inputs, options, {.sparse = &sparse, .max_active_dims = most}, rows == nullptr ? nullptr : rows->data());
    std::vector<Weights> result(inputs.size());
    for (std::size_t row = 0; row < inputs.size(); ++row)
      for (std::size_t i = sparse.first[row]; i < sparse.first[row + 1]; ++i) result[row].emplace_back(sparse.values[i].index, sparse.values[i].value);
    return result;
  }
  void rejects(ErrorCode code, const std::vector<std::string>& parts) const {
    expect_error(code, parts, [&] { load(); });
  }
};

TEST_F(SparseRouter, QueriesAreTheWeightsOfTheirTokens) {
  const auto model = load();
  EXPECT_EQ(model->vector_kinds(), unsigned{BERTH_SPARSE});
  EXPECT_EQ(model->default_vector_kind(), unsigned{BERTH_SPARSE});
  const std::vector<std::string> texts = {"Cat sat cat", "a", "", "dog", "sat mat cat a dog"};
  std::vector<berth_row> rows;
  EXPECT_EQ(encode(*model, text_inputs(texts), {.query = true}, 0, &rows),
            (std::vector<Weights>{{{3, 1.5F}, {4, -2.0F}}, {}, {}, {{0, 0.25F}}, {{3, 1.5F}, {4, -2.0F}, {5, 0.5F}}}));
  EXPECT_EQ(rows[0].tokens, 3U);  // no special ones
  EXPECT_EQ(rows[2].tokens, 0U);
  EXPECT_EQ(rows[4].tokens, 4U);  // its own tokenizer's limit
  EXPECT_EQ(rows[4].truncated, 1U);
  EXPECT_EQ(encode(*model, text_inputs({texts[4]}), {.query = true}, 2)[0], (Weights{{3, 1.5F}, {4, -2.0F}}));
  EXPECT_EQ(encode(*model, text_inputs({"mat"}), {.prompt_name = "query", .query = true})[0], (Weights{{3, 1.5F}, {5, 0.5F}}));
  const std::vector<std::int32_t> ids = {5, 1, 5};
  EXPECT_EQ(encode(*model, {ids_input(ids)}, {.query = true})[0], (Weights{{1, 7.0F}, {5, 0.5F}}));
  const std::vector<std::int32_t> beyond = {6};
  expect_error(ErrorCode::invalid_argument, {"ids[0]", "6", "0 to 5"}, [&] { encode(*model, {ids_input(beyond)}, {.query = true}); });
}

// transformers' tokenizers do not ask what tokenizer.json says about that.
TEST_F(SparseRouter, QueriesAreCutAsTheTokenizersConfigSays) {
  const auto cut = [&](const char* config) {
    write("query_0_SparseStaticEmbedding/tokenizer_config.json", config);
    return encode(*load(), text_inputs({"cat sat mat a dog"}), {.query = true})[0];
  };
  write("query_0_SparseStaticEmbedding/tokenizer.json",
        word_tokenizer(kWords, R"("truncation":{"max_length":1,"strategy":"LongestFirst","stride":0,"direction":"Right"})"));
  EXPECT_EQ(cut("{}"), (Weights{{0, 0.25F}, {3, 1.5F}, {4, -2.0F}, {5, 0.5F}}));
  EXPECT_EQ(cut(R"({"model_max_length":2})"), (Weights{{3, 1.5F}, {4, -2.0F}}));
  EXPECT_EQ(cut(R"({"model_max_length":3,"truncation_side":"left"})"), (Weights{{0, 0.25F}, {5, 0.5F}}));
}

TEST_F(SparseRouter, DocumentsAreWhatTheirModulesAloneGive) {
  const ReferenceInputs set = ReferenceCase(reference("bert-mlm")).input_sets().front();
  const auto routed = encode(*load(), set.inputs());
  write("modules.json", R"([{"idx":0,"name":"0","path":"","type":"sentence_transformers.sparse_encoder.models.MLMTransformer"},
                            {"idx":1,"name":"1","path":"document_1_SpladePooling","type":"sentence_transformers.sparse_encoder.models.SpladePooling"}])");
  const auto alone = load();
  EXPECT_EQ(routed, encode(*alone, set.inputs()));
  EXPECT_FALSE(routed.front().empty());
  EXPECT_EQ(encode(*alone, set.inputs(), {.query = true}), routed);  // nothing tells queries apart
}

TEST_F(SparseRouter, TheTableAlone) {
  write("modules.json",
        R"([{"idx":0,"name":"0","path":"query_0_SparseStaticEmbedding","type":"sentence_transformers.sparse_encoder.modules.SparseStaticEmbedding"}])");
  const auto model = load();
  EXPECT_EQ(model->default_vector_kind(), unsigned{BERTH_SPARSE});
  EXPECT_EQ(encode(*model, text_inputs({"cat"})), (std::vector<Weights>{{{3, 1.5F}}}));
  EXPECT_EQ(encode(*model, text_inputs({"cat"}), {.query = true}), (std::vector<Weights>{{{3, 1.5F}}}));
  std::vector<float> out(64);
  engine::TokenValues tokens;
  expect_error(ErrorCode::unsupported, {"sparse"}, [&] { model->encode(text_inputs({"cat"}), {}, out.data(), nullptr, nullptr); });
  expect_error(ErrorCode::unsupported, {"tokens"}, [&] { model->encode(text_inputs({"cat"}), {}, nullptr, nullptr, &tokens); });
  expect_error(ErrorCode::unsupported, {"static", "windows"}, [&] { encode(*model, text_inputs({"cat"}), {.long_text = engine::LongText::window}); });
  // A layer over hidden states, which a table does not have.
  write("colbert_linear.safetensors", safetensors({zeros("weight", {2, 6}), zeros("bias", {2})}));
  EXPECT_EQ(load()->vector_kinds(), unsigned{BERTH_SPARSE});
}

TEST_F(SparseRouter, WhatIsRefused) {
  const std::string of_query = "query_0_SparseStaticEmbedding";
  router(R"("structure":{"document":["","document_1_SpladePooling"]})");
  rejects(ErrorCode::unsupported, {"router_config.json", "structure", "\"query\""});
  router(R"("structure":{"query":["query_0_SparseStaticEmbedding"],"document":["","document_1_SpladePooling"],"title":[""]})");
  rejects(ErrorCode::unsupported, {"router_config.json", "structure", "\"title\""});
  router(R"("structure":{"query":[],"document":["","document_1_SpladePooling"]})");
  rejects(ErrorCode::corrupt_file, {"router_config.json", "structure.query"});
  router(R"("structure":{"query":["../elsewhere"],"document":["","document_1_SpladePooling"]})");
  rejects(ErrorCode::corrupt_file, {"router_config.json", "types.../elsewhere", "missing"});
  router(R"("structure":{"query":["../elsewhere"],"document":[""]})", R"("types":{"../elsewhere":"sentence_transformers.models.Transformer",
    "":"sentence_transformers.models.Transformer"})");
  rejects(ErrorCode::corrupt_file, {"router_config.json", "structure.query", "../elsewhere"});
  router(kSparseStructure, R"("types":{"query_0_SparseStaticEmbedding":"custom.Table","":"sentence_transformers.models.Router",
    "document_1_SpladePooling":"sentence_transformers.sparse_encoder.models.SpladePooling"})");
  rejects(ErrorCode::unsupported, {"router_config.json", "\"types.\"", "models.Router"});
  router(kSparseStructure, kSparseTypes, R"x("parameters":{"route_mappings":{"('query', 'text')":"query"}})x");
  rejects(ErrorCode::unsupported, {"router_config.json", "parameters.route_mappings"});
  router(kSparseStructure);
  write(of_query + "/config.json", R"({"path":"idf.json"})");
  rejects(ErrorCode::unsupported, {of_query + "/config.json", "path"});
  write(of_query + "/config.json", "{}");
  weights({1, 2, 3});
  rejects(ErrorCode::corrupt_file, {of_query + "/model.safetensors", "\"weight\"", "3 rows", "ids up to 5"});
  weights({1, 2, 3, 4, 5, NAN});
  rejects(ErrorCode::non_finite, {of_query, "\"weight\""});
  write(of_query + "/model.safetensors", safetensors({zeros("weight", {2, 3})}));
  rejects(ErrorCode::corrupt_file, {of_query, "\"weight\"", "[2, 3]"});
  write(of_query + "/model.safetensors", safetensors({zeros("weights", {6})}));
  rejects(ErrorCode::corrupt_file, {of_query, "\"weight\" is missing"});
  weights({1, 2, 3, 4, 5, 6});
  router(R"("structure":{"query":["query_0_SparseStaticEmbedding","document_1_SpladePooling"],"document":["","document_1_SpladePooling"]})");
  rejects(ErrorCode::unsupported, {"router_config.json", "types.document_1_SpladePooling", "alone"});
  router(kSparseStructure);
  const auto model = load();
  engine::TokenValues tokens;
  expect_error(ErrorCode::unsupported, {"query"}, [&] { model->encode(text_inputs({"cat"}), {.query = true}, nullptr, nullptr, &tokens); });
}

// Documents by a transformer, queries by a table of embeddings; what stands behind the Router belongs to both.
struct DenseRouter : testing::Test {
  TempDirectory files;
  std::filesystem::path path() const { return files / "model"; }
  static constexpr const char* kStructure = R"("structure":{"query":["query_0_StaticEmbedding"],"document":["document_0_Transformer","document_1_Pooling"]})";
  static constexpr const char* kTypes =
      R"("types":{"query_0_StaticEmbedding":"sentence_transformers.sentence_transformer.modules.static_embedding.StaticEmbedding",
    "document_0_Transformer":"sentence_transformers.base.modules.transformer.Transformer",
    "document_1_Pooling":"sentence_transformers.sentence_transformer.modules.pooling.Pooling"})";
  std::size_t size = 0;

  void write(const std::string& name, const std::string& text) const { files.write("model/" + name, text); }
  void table(std::size_t values) const {
    std::vector<float> all(6 * values);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<float>(i % 11) - 4.0F;
    write("r/query_0_StaticEmbedding/model.safetensors", safetensors({f32("embedding.weight", {6, values}, all)}));
  }
  void SetUp() override {
    const std::filesystem::path plain = reference("st-mean-normalize");
    std::filesystem::create_directories(path() / "r");
    std::filesystem::copy(plain, path() / "r" / "document_0_Transformer", std::filesystem::copy_options::recursive);
    std::filesystem::copy(plain / "1_Pooling", path() / "r" / "document_1_Pooling");
    write("modules.json", R"([{"idx":0,"name":"0","path":"r","type":"sentence_transformers.base.modules.router.Router"},
                              {"idx":1,"name":"1","path":"1_Normalize","type":"sentence_transformers.base.modules.normalize.Normalize"}])");
    write("r/router_config.json", "{" + std::string(kTypes) + "," + kStructure + R"(,"parameters":{"default_route":null}})");
    write("r/query_0_StaticEmbedding/tokenizer.json", word_tokenizer(kWords));
    size = Model::load(plain.string(), {.threads = 1})->embedding_size();
    table(size);
  }
  std::unique_ptr<const Model> load() const { return Model::load(path().string(), {.threads = 2}); }
};

TEST_F(DenseRouter, EachRouteIsItsOwnModel) {
  const auto model = load();
  ASSERT_EQ(model->embedding_size(), size);
  const std::vector<std::string> texts = {"cat sat", "a mat"};
  const auto plain = Model::load(reference("st-mean-normalize").string(), {.threads = 1});
  EXPECT_EQ(encode_texts(*model, texts), encode_texts(*plain, texts));
  const std::vector<float> queries = encode_texts(*model, texts, {.query = true});
  const auto row = [&](std::size_t id, std::size_t i) { return static_cast<float>((id * size + i) % 11) - 4.0F; };
  double square = 0;
  for (std::size_t i = 0; i < size; ++i) square += std::pow(static_cast<double>(row(3, i) + row(4, i)) / 2, 2);
  for (std::size_t i = 0; i < size; ++i)
    EXPECT_NEAR(static_cast<double>(queries[i]), static_cast<double>(row(3, i) + row(4, i)) / 2 / std::sqrt(square), 1e-6) << i;
  EXPECT_NE(model->info().find("\"queries\":{"), std::string::npos);
  const base::Json info = base::Json::parse(model->info());
  const std::vector<std::string> files = info["files"], of_queries = info["queries"]["files"];
  for (const char* name : {"r/document_0_Transformer/model.safetensors", "r/query_0_StaticEmbedding/model.safetensors", "r/router_config.json"})
    EXPECT_EQ(std::count(files.begin(), files.end(), name), 1) << name;
  EXPECT_EQ(std::count(of_queries.begin(), of_queries.end(), "r/query_0_StaticEmbedding/tokenizer.json"), 1);
  EXPECT_EQ(info["queries"]["directory"], (path() / "r/query_0_StaticEmbedding").string());
  // Threads and batches change nothing on either.
  std::vector<std::string> many;
  for (int i = 0; i < 40; ++i) many.push_back(i % 3 == 0 ? "cat" : "a mat sat");
  for (const bool query : {false, true}) {
    const std::vector<float> all = encode_texts(*model, many, {.query = query});
    EXPECT_EQ(all, encode_texts(*model, many, {.batch_tokens = 1, .query = query}));
    EXPECT_EQ(all, encode_texts(*Model::load(path().string(), {.threads = 1}), many, {.query = query}));
  }
  std::vector<float> out(64);
  const auto classifier = Model::load(reference("bert-seqcls").string(), {.threads = 1});
  const std::vector<std::int32_t> ids = {1, 2};
  expect_error(ErrorCode::invalid_argument, {"query"}, [&] { classifier->classify(std::vector{ids_input(ids)}, {.query = true}, false, out.data(), nullptr); });
}

TEST_F(DenseRouter, RoutesThatGiveTheSame) {
  write("r/router_config.json", "{" + std::string(kTypes) + R"(,"structure":{"query":["document_0_Transformer","document_1_Pooling"],
    "document":["document_0_Transformer","document_1_Pooling"]},"parameters":{}})");
  const auto model = load();
  EXPECT_EQ(model->info().find("\"queries\""), std::string::npos);
  EXPECT_EQ(encode_texts(*model, {"cat"}), encode_texts(*model, {"cat"}, {.query = true}));
}

TEST_F(DenseRouter, RoutesThatDoNotFit) {
  table(size + 1);
  expect_error(ErrorCode::corrupt_file, {"modules.json", "query_0_StaticEmbedding", "other vectors"}, [&] { load(); });
}

TEST_F(DenseRouter, LayersOverHiddenStatesAreOfTheRouteThatHasSome) {
  write("colbert_linear.safetensors", safetensors({zeros("weight", {2, size}), zeros("bias", {2})}));
  write("sparse_linear.safetensors", safetensors({zeros("weight", {1, size}), zeros("bias", {1})}));
  const auto model = load();
  EXPECT_EQ(model->vector_kinds(), unsigned{BERTH_DENSE | BERTH_SPARSE | BERTH_MULTI});
  const std::vector<std::string> texts = {"cat"};
  engine::TokenValues multi;
  SparseVectors sparse;
  expect_error(ErrorCode::unsupported, {"late-interaction"}, [&] { model->encode_vectors(text_inputs(texts), {.query = true}, {.multi = &multi}, nullptr); });
  expect_error(ErrorCode::unsupported, {"head"}, [&] { model->encode_vectors(text_inputs(texts), {.query = true}, {.sparse = &sparse}, nullptr); });
}

// Documents and queries of late interaction, whose vectors MaxSim multiplies.
TEST(LateRouter, VectorsOfOneSize) {
  const TempDirectory files;
  const auto route = [&](const std::string& folder, const char* name) {
    std::filesystem::create_directories(files / folder);
    for (const char* file : {"config.json", "model.safetensors"}) std::filesystem::copy(reference(name) / file, files / folder / file);
  };
  route("model/document", "t5");
  route("model/query", "bert");
  files.write("model/modules.json", kRouterModule);
  files.write("model/config_sentence_transformers.json", R"({"model_type":"ColBERT"})");
  const auto router = [&](const std::string& query) {
    const std::string type = R"(:"sentence_transformers.models.Transformer")", quoted = '"' + query + '"';
    files.write("model/router_config.json",
                R"({"types":{"document")" + type + "," + quoted + type + R"(},"structure":{"document":["document"],"query":[)" + quoted + "]}}");
  };
  router("query");
  expect_error(ErrorCode::corrupt_file, {"modules.json", "model/query", "other vectors"}, [&] { Model::load((files / "model").string(), {.threads = 1}); });
  route("model/same", "t5");
  router("same");
  const auto model = Model::load((files / "model").string(), {.threads = 1});
  const std::vector<std::int32_t> ids = {3, 4, 5}, others = {7, 8};
  std::vector<float> scores(2);
  model->rerank_late(ids_input(ids), std::vector{ids_input(ids), ids_input(others)}, {}, scores.data(), nullptr);
  EXPECT_GT(scores[0], scores[1]);
}

}  // namespace
}  // namespace berth::test
