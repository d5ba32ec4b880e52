// Which head a directory has: by the class in config.json, and by the tensors.
#include <cmath>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "tests/engine/edited_case.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/support/normals.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;
using base::Json;
using engine::ModelConfig;

// The published file's layers never take the tanh forms, its head does; and transforms of its head have the biases of the layers.
TEST(ArchitectureHeads, NomicHeadsAndScalingAreTheFilesOwn) {
  const auto pretraining = [](const char* activation, bool bias) {
    return config_of("nomic-bert", [&](Json& json) {
      json["activation_function"] = activation;
      json["mlp_fc1_bias"] = bias;
      json["architectures"] = Json::array({"NomicBertForPreTraining"});
    });
  };
  EXPECT_EQ(pretraining("gelu_new", true).activation, kernels::Activation::gelu);
  EXPECT_EQ(pretraining("swiglu", false).head.kind, engine::HeadKind::none) << "the body alone";
  EXPECT_EQ(config_of("nomic-bert", [](Json&) {}).max_positions, 128U);
  const ModelConfig scaled = config_of("nomic-bert", [](Json& json) {
    json["rotary_scaling_factor"] = 2.0;
    json["max_trained_positions"] = 40;
  });
  EXPECT_EQ(scaled.max_positions, 40U) << "longer rows have other frequencies";
}

// A file of NomicBertForPreTraining's, and its head by the definition: norm(silu(W x)) beside every word's embedding.
TEST(ArchitectureHeads, NomicFillsMasks) {
  constexpr std::size_t kHidden = 32;
  const Edited edited("nomic-bert", [](Json& json) { json["architectures"] = Json::array({"NomicBertForPreTraining"}); });
  const auto weight = normals(kHidden * kHidden, 1, 0.2F), gain = normals(kHidden, 2), shift = normals(kHidden, 3);
  edited.add({f32("cls.predictions.transform.dense.weight", {kHidden, kHidden}, weight), f32("cls.predictions.transform.layer_norm.weight", {kHidden}, gain),
              f32("cls.predictions.transform.layer_norm.bias", {kHidden}, shift)});
  std::vector<float> table;
  edited.rewrite([&](const TensorToWrite& tensor) {
    if (tensor.name == "embeddings.word_embeddings.weight") {
      table.resize(tensor.data.size() / sizeof(float));
      std::memcpy(table.data(), tensor.data.data(), tensor.data.size());
    }
    return std::vector{tensor};
  });
  const auto model = engine::Model::load(edited.directory().string(), {.threads = 1});
  ASSERT_EQ(model->config().head.kind, engine::HeadKind::masked_lm);
  const std::vector<std::int32_t> ids = {5, 7, 11};
  const std::vector<berth_input> inputs = {ids_input(ids)};
  engine::TokenValues hidden;
  model->encode(inputs, {}, nullptr, nullptr, &hidden);
  engine::MaskedLogits got;
  model->masked_logits(inputs, {}, 7, got, nullptr);
  ASSERT_EQ(got.places.size(), 1U);
  ASSERT_EQ(got.values.size() * kHidden, table.size());

  std::vector<double> x(kHidden);
  double mean = 0, variance = 0;
  for (std::size_t i = 0; i < kHidden; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < kHidden; ++k) sum += double{weight[i * kHidden + k]} * double{hidden.values[kHidden + k]};
    x[i] = sum / (1 + std::exp(-sum));
    mean += x[i] / kHidden;
  }
  for (const double value : x) variance += (value - mean) * (value - mean) / kHidden;
  for (std::size_t i = 0; i < kHidden; ++i) x[i] = (x[i] - mean) / std::sqrt(variance + 1e-12) * double{gain[i]} + double{shift[i]};
  for (std::size_t word = 0; word < got.values.size(); ++word) {
    double logit = 0;
    for (std::size_t i = 0; i < kHidden; ++i) logit += x[i] * double{table[word * kHidden + i]};
    EXPECT_NEAR(double{got.values[word]}, logit, 1e-4) << word;
  }
}

// Its class has a matrix "classifier" where others have "qa_outputs".
TEST(ArchitectureHeads, ModernBertAnswersByItsClassifier) {
  const ModelConfig config = config_of("modernbert-tokencls", [](Json& json) { json["architectures"] = Json::array({"ModernBertForQuestionAnswering"}); });
  EXPECT_EQ(config.head.kind, engine::HeadKind::span);
  EXPECT_EQ(config.head.steps.back().name, "classifier");
}

// A base model's directory keeps the class it was trained as, often without that head.
TEST(ArchitectureHeads, AMaskedLanguageModelHeadMayBeAbsent) {
  const auto head = [](const char* name, const char* type) {
    return config_of(name, [type](Json& json) { json["architectures"] = Json::array({type}); }).head.kind;
  };
  EXPECT_EQ(head("roberta", "RobertaForMaskedLM"), engine::HeadKind::none);
  EXPECT_EQ(head("roberta-mlm", "RobertaForMaskedLM"), engine::HeadKind::masked_lm);
  EXPECT_EQ(head("roberta-mlm", "RobertaModel"), engine::HeadKind::none);
  EXPECT_EQ(head("bert-prefixed", "BertForPreTraining"), engine::HeadKind::masked_lm);
  EXPECT_EQ(head("bert", "BertForTokenClassification"), engine::HeadKind::token_classifier) << "others are not optional";
}

// As what a task's class would load: the tensors tell which.
TEST(ArchitectureHeads, WithoutAClassTheTensorsNameTheHead) {
  const auto head = [](const std::string& name) { return config_of(name.c_str(), [](Json& json) { json.erase("architectures"); }).head.kind; };
  for (const std::string name : {"bert", "deberta-v2", "distilbert", "electra", "roberta"}) {
    EXPECT_EQ(head(name), engine::HeadKind::none) << name;
    EXPECT_EQ(head(name + "-seqcls"), engine::HeadKind::sequence_classifier) << name;
    EXPECT_EQ(head(name + "-tokencls"), engine::HeadKind::token_classifier) << name;
  }
  for (const std::string name : {"bert-qa", "distilbert-qa"}) EXPECT_EQ(head(name), engine::HeadKind::span) << name;
  EXPECT_EQ(head("electra-discriminator"), engine::HeadKind::none) << "a body that was trained so";
}

TEST(ArchitectureHeads, UntiedDecodersAreReadFromTheFile) {
  EXPECT_TRUE(config_of("roberta-mlm", [](Json&) {}).head.decoder.empty());
  const Edited edited("roberta-mlm", [](Json& json) { json["tie_word_embeddings"] = false; });
  expect_error(ErrorCode::corrupt_file, {"lm_head.decoder.weight", "missing"}, [&] { engine::Model::load(edited.directory().string(), {.threads = 1}); });
}

}  // namespace
}  // namespace berth::test
