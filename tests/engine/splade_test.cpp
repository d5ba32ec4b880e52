// SPLADE vectors against the logits that the Hugging Face code gives for the masked-language-model cases: the definition, over all of them.
#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/engine/reference_case.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;
using engine::Model;
using engine::SparseVectors;

// A copy of a case as a SparseEncoder directory.
class SparseDirectory {
 public:
  explicit SparseDirectory(const std::string& name, const std::string& pooling = "{}") {
    std::filesystem::copy(reference(name), path(), std::filesystem::copy_options::recursive);
    modules("sentence_transformers.sparse_encoder.models.MLMTransformer", "sentence_transformers.sparse_encoder.models.SpladePooling");
    files_.write("model/1_SpladePooling/config.json", pooling);
  }
  std::filesystem::path path() const { return files_ / "model"; }
  void write(const std::string& name, const std::string& text) const { files_.write("model/" + name, text); }
  void modules(const std::string& first, const std::string& second) const {
    write("modules.json",
          R"([{"idx":0,"name":"0","path":"","type":")" + first + R"("},{"idx":1,"name":"1","path":"1_SpladePooling","type":")" + second + "\"}]");
  }
  std::unique_ptr<const Model> load() const { return Model::load(path().string(), {.threads = 2}); }

 private:
  TempDirectory files_;
};

// [rows][vocabulary], in double.
std::vector<std::vector<double>> expected(const ReferenceCase& reference, const ReferenceInputs& set, bool sum, bool twice) {
  const ExpectedTensor logits = reference.tensor(set.prefix + "logits").value();
  const auto vocabulary = static_cast<std::size_t>(logits.shape[2]);
  std::vector<std::vector<double>> rows(set.ids.size(), std::vector<double>(vocabulary, 0.0));
  for (std::size_t row = 0; row < rows.size(); ++row)
    for (std::size_t t = 0; t < set.ids[row].size(); ++t)
      for (std::size_t v = 0; v < vocabulary; ++v) {
        const double logit = static_cast<double>(logits.values[(row * set.padded_length + t) * vocabulary + v]);
        const double once = std::log1p(std::max(0.0, logit));
        const double value = twice ? std::log1p(once) : once;
        rows[row][v] = sum ? rows[row][v] + value : std::max(rows[row][v], value);
      }
  return rows;
}

SparseVectors sparse(const Model& model, const std::vector<berth_input>& inputs, engine::RunOptions options = {}, std::size_t most = 0) {
  SparseVectors result;
  model.encode_vectors(inputs, options, {.sparse = &result, .max_active_dims = most}, nullptr);
  return result;
}

void expect_near(const SparseVectors& got, const std::vector<std::vector<double>>& rows, double scale) {
  ASSERT_EQ(got.first.size(), rows.size() + 1);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::vector<double> dense(rows[row].size(), 0.0);
    for (std::size_t i = got.first[row]; i < got.first[row + 1]; ++i) {
      if (i > got.first[row]) {
        EXPECT_GT(got.values[i].index, got.values[i - 1].index);
      }
      EXPECT_GT(got.values[i].value, 0.0F);
      dense.at(got.values[i].index) = static_cast<double>(got.values[i].value);
    }
    for (std::size_t v = 0; v < dense.size(); ++v) ASSERT_NEAR(dense[v], rows[row][v], kReferenceTolerance * scale) << "row " << row << ", index " << v;
  }
}

bool same(const SparseVectors& a, const SparseVectors& b) {
  return a.first == b.first && std::equal(a.values.begin(), a.values.end(), b.values.begin(), b.values.end(), [](const auto& x, const auto& y) {
           return x.index == y.index && std::bit_cast<std::uint32_t>(x.value) == std::bit_cast<std::uint32_t>(y.value);
         });
}

TEST(Splade, AllPoolingsOfAllHeads) {
  for (const char* name : {"bert-mlm", "roberta-mlm", "modernbert-mlm"}) {
    const ReferenceCase one(reference(name));
    for (const auto& [config, sum, twice] :
         {std::tuple{R"({"pooling_strategy":"max","activation_function":"relu","word_embedding_dimension":null})", false, false},
          {R"({"pooling_strategy":"sum"})", true, false},
          {R"({"activation_function":"log1p_relu"})", false, true},
          {R"({"pooling_strategy":"sum","activation_function":"log1p_relu"})", true, true}}) {
      const auto model = SparseDirectory(name, config).load();
      for (const ReferenceInputs& set : one.input_sets()) {
        SCOPED_TRACE(name + std::string(" ") + set.prefix + config);
        const auto rows = expected(one, set, sum, twice);
        double scale = std::max(1.0, one.tensor(set.prefix + "logits")->scale);
        if (sum) scale *= static_cast<double>(set.padded_length);
        expect_near(sparse(*model, set.inputs()), rows, scale);
      }
    }
  }
}

TEST(Splade, ADirectoryWithAMaskedHeadGivesTheUsualPooling) {
  const ReferenceCase one(reference("bert-mlm"));
  const auto plain = Model::load(reference("bert-mlm").string(), {.threads = 1});
  EXPECT_EQ(plain->vector_kinds(), unsigned{BERTH_DENSE} | BERTH_SPARSE);
  EXPECT_EQ(plain->default_vector_kind(), unsigned{BERTH_DENSE});
  const auto model = SparseDirectory("bert-mlm").load();
  EXPECT_EQ(model->vector_kinds(), unsigned{BERTH_SPARSE});
  EXPECT_EQ(model->default_vector_kind(), unsigned{BERTH_SPARSE});
  for (const ReferenceInputs& set : one.input_sets()) EXPECT_TRUE(same(sparse(*plain, set.inputs()), sparse(*model, set.inputs())));
}

TEST(Splade, BitsDoNotDependOnTheBatch) {
  const ReferenceCase one(reference("bert-mlm"));
  for (const char* pooling : {R"({"pooling_strategy":"max"})", R"({"pooling_strategy":"sum"})"}) {
    const SparseDirectory directory("bert-mlm", pooling);
    const auto model = directory.load();
    const auto single = Model::load(directory.path().string(), {.threads = 1});
    for (const ReferenceInputs& set : one.input_sets()) {
      std::vector<berth_input> inputs = set.inputs();
      for (int i = 0; i < 4; ++i) inputs.insert(inputs.end(), inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(set.ids.size()));
      const SparseVectors all = sparse(*model, inputs);
      EXPECT_TRUE(same(all, sparse(*single, inputs)));
      EXPECT_TRUE(same(all, sparse(*model, inputs, {.batch_tokens = 1})));
    }
  }
}

TEST(Splade, TheLargestValues) {
  const ReferenceCase one(reference("bert-mlm"));
  const auto model = SparseDirectory("bert-mlm").load();
  const ReferenceInputs set = one.input_sets().front();
  const SparseVectors all = sparse(*model, set.inputs());
  for (const std::size_t most : {std::size_t{1}, std::size_t{7}, std::size_t{100000}}) {
    const SparseVectors some = sparse(*model, set.inputs(), {}, most);
    for (std::size_t row = 0; row + 1 < all.first.size(); ++row) {
      std::vector<berth_sparse_value> wanted(all.values.begin() + static_cast<std::ptrdiff_t>(all.first[row]),
                                             all.values.begin() + static_cast<std::ptrdiff_t>(all.first[row + 1]));
      std::stable_sort(wanted.begin(), wanted.end(), [](const auto& a, const auto& b) { return a.value > b.value; });
      wanted.resize(std::min(wanted.size(), most));
      std::map<std::uint32_t, float> by_index;
      for (const auto& value : wanted) by_index.emplace(value.index, value.value);
      ASSERT_EQ(some.first[row + 1] - some.first[row], by_index.size());
      auto at = some.values.begin() + static_cast<std::ptrdiff_t>(some.first[row]);
      for (const auto& [index, value] : by_index) {
        EXPECT_EQ(at->index, index);
        EXPECT_EQ(at->value, value);
        ++at;
      }
    }
  }
}

TEST(Splade, TheSecondGeneration) {
  const SparseDirectory directory("bert-mlm", R"({"pooling_strategy":"max","activation_function":"relu","embedding_dimension":null})");
  directory.modules("sentence_transformers.base.modules.transformer.Transformer", "sentence_transformers.sparse_encoder.modules.splade_pooling.SpladePooling");
  directory.write("sentence_bert_config.json", R"({"transformer_task":"fill-mask","module_output_name":"token_embeddings"})");
  directory.write("config_sentence_transformers.json", R"({"model_type":"SparseEncoder","similarity_fn_name":"dot","prompts":{"query":"","document":""}})");
  EXPECT_EQ(directory.load()->default_vector_kind(), unsigned{BERTH_SPARSE});
}

TEST(Splade, WhatIsRefused) {
  const SparseDirectory directory("bert-mlm");
  const auto rejects = [&](ErrorCode code, const std::vector<std::string>& parts) { expect_error(code, parts, [&] { directory.load(); }); };
  directory.write("1_SpladePooling/config.json", R"({"pooling_strategy":"mean"})");
  rejects(ErrorCode::unsupported, {"1_SpladePooling/config.json", "pooling_strategy", "mean", "max or sum"});
  directory.write("1_SpladePooling/config.json", R"({"activation_function":"gelu"})");
  rejects(ErrorCode::unsupported, {"activation_function", "gelu", "log1p_relu"});
  directory.write("1_SpladePooling/config.json", "{}");
  directory.modules("sentence_transformers.sparse_encoder.models.MLMTransformer", "sentence_transformers.models.Pooling");
  rejects(ErrorCode::unsupported, {"modules.json", "SpladePooling"});

  const SparseDirectory headless("bert");
  expect_error(ErrorCode::unsupported, {"masked-language-model"}, [&] { headless.load(); });
  const auto dense = Model::load(reference("bert").string(), {.threads = 1});
  const ReferenceInputs set = ReferenceCase(reference("bert")).input_sets().front();
  expect_error(ErrorCode::unsupported, {"masked-language-model", "ForMaskedLM"}, [&] { sparse(*dense, set.inputs()); });
  std::vector<float> out(set.ids.size() * 4096);
  const auto only_sparse = SparseDirectory("bert-mlm").load();
  expect_error(ErrorCode::unsupported, {"sparse"}, [&] { only_sparse->encode(set.inputs(), {}, out.data(), nullptr, nullptr); });
}

}  // namespace
}  // namespace berth::test
