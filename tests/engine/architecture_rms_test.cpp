// Architectures whose norms are RMSNorm: what their config.json says, and how their tensors are put together.
#include <cmath>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "tests/engine/edited_case.hpp"
#include "tests/engine/inputs.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;
using base::Json;
using engine::HeadKind;
using engine::HeadPooling;
using engine::ModelConfig;

TEST(RmsArchitectures, EuroBertsHeadsShareKeys) {
  const ModelConfig shared = config_of("eurobert");
  EXPECT_EQ(shared.head_size, 8U);
  EXPECT_EQ(shared.queries_a_key(), 3U);
  EXPECT_EQ(shared.query_key_value_size(), 48U + 2 * 16);
  const ModelConfig larger = config_of("eurobert-mlm");
  EXPECT_EQ(larger.query_size(), 60U);
  EXPECT_EQ(larger.key_size(), 10U);
  EXPECT_EQ(config_of("eurobert", [](Json& json) { json.erase("num_key_value_heads"); }).num_key_value_heads, 6U);
  for (const int count : {4, 5}) expect_refused("eurobert", "num_key_value_heads", count, {"divide", "(6)"}, ErrorCode::corrupt_file);
  for (const int count : {0, 7}) expect_refused("eurobert", "num_key_value_heads", count, {std::to_string(count)}, ErrorCode::corrupt_file);
  expect_refused("eurobert", "head_dim", 0, {"0"}, ErrorCode::corrupt_file);
  expect_refused("eurobert", "head_dim", 7, {"pairs"}, ErrorCode::corrupt_file);
  expect_error(ErrorCode::corrupt_file, {"num_attention_heads", "16384 values"}, [] { config_of("eurobert", [](Json& json) { json["head_dim"] = 16384; }); });
}

TEST(RmsArchitectures, EuroBertsPoolingByEitherKey) {
  const auto pooling = [](const char* key, const char* value) {
    return config_of("eurobert-seqcls",
                     [&](Json& json) {
                       json.erase("classifier_pooling");
                       if (key != nullptr) json[key] = value;
                     })
        .head.pooling;
  };
  EXPECT_EQ(pooling(nullptr, ""), HeadPooling::late);
  EXPECT_EQ(pooling("clf_pooling", "mean"), HeadPooling::mean);
  EXPECT_EQ(pooling("classifier_pooling", "bos"), HeadPooling::first);
  expect_refused("eurobert-seqcls", "classifier_pooling", "max", {"\"max\"", "bos, late, mean"});
  expect_refused("eurobert-seqcls-bos", "clf_pooling", "last", {"\"last\"", "bos, late, mean"});
  expect_refused("eurobert-seqcls", "clf_pooling", "mean", {"\"mean\"", "\"late\""});
}

// Releases differ in what they mean without one.
TEST(RmsArchitectures, EuroBertSaysItsRotaryBase) {
  expect_error(ErrorCode::corrupt_file, {"config.json", "rope_theta"}, [] { config_of("eurobert", [](Json& json) { json.erase("rope_theta"); }); });
  expect_error(ErrorCode::corrupt_file, {"config.json", "rope_theta"},
               [] { config_of("eurobert-tokencls", [](Json& json) { json["rope_parameters"].erase("rope_theta"); }); });
  expect_error(ErrorCode::unsupported, {"config.json", "rope_scaling.rope_type", "llama3", "default, linear"}, [] {
    config_of("eurobert", [](Json& json) { json["rope_scaling"] = {{"rope_type", "llama3"}, {"factor", 8.0}}; });
  });
}

TEST(RmsArchitectures, EuroBertsDecoderIsItsOwnUnlessSaid) {
  const auto edited = [](const std::function<void(Json&)>& edit) { return config_of("eurobert-mlm", edit).head; };
  EXPECT_EQ(edited([](Json&) {}).decoder, "lm_head");
  EXPECT_EQ(edited([](Json& json) { json.erase("tie_word_embeddings"); }).decoder, "lm_head");
  EXPECT_TRUE(edited([](Json& json) { json["tie_word_embeddings"] = true; }).decoder.empty());
  const Edited body("eurobert-mlm", [](Json&) {});
  body.rewrite([](const TensorToWrite& tensor) { return tensor.name == "lm_head.weight" ? std::vector<TensorToWrite>() : std::vector{tensor}; });
  EXPECT_EQ(engine::Model::load(body.directory().string(), {.threads = 1})->config().head.kind, HeadKind::none) << "the body alone";
}

TEST(RmsArchitectures, MisshapenKeysAreNamed) {
  const Edited edited("eurobert", [](Json& json) { json["num_key_value_heads"] = 3; });
  expect_error(ErrorCode::corrupt_file, {"layers.0.self_attn.k_proj.weight", "[16, 48]", "[24, 48]", "layers.2.self_attn.v_proj.weight"},
               [&] { engine::Model::load(edited.directory().string(), {.threads = 1}); });
}

// One value of a head of keys 32 times as large, and what reads it, in each of the three heads that share it, so much smaller: the same function, which
// INT8 keeps.
TEST(RmsArchitectures, SharedValuesThatStandOutCostNoAccuracy) {
  constexpr std::size_t kHidden = 48;
  const Edited planted("eurobert", [](Json&) {});
  planted.rewrite([](TensorToWrite tensor) {
    std::vector<float> values(tensor.data.size() / sizeof(float));
    std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
    if (tensor.name.ends_with("v_proj.weight"))
      for (std::size_t i = 0; i < kHidden; ++i) values[11 * kHidden + i] *= 32.0F;
    if (tensor.name.ends_with("o_proj.weight"))
      for (std::size_t row = 0; row < kHidden; ++row)
        for (const std::size_t head : {3U, 4U, 5U}) values[row * kHidden + head * 8 + 3] /= 32.0F;
    std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
    return std::vector{tensor};
  });
  const auto inputs = ReferenceCase(reference("eurobert")).input_sets();
  const auto run = [&](const std::filesystem::path& directory, const char* precision) {
    const auto model = engine::Model::load(directory.string(), {.threads = 1, .precision = precision});
    return outputs(*model, inputs.front().inputs());
  };
  const auto plain = run(reference("eurobert"), "fp32");
  const auto exact = run(planted.directory(), "fp32");
  const auto low = run(planted.directory(), "int8");
  double ab = 0.0, aa = 0.0, bb = 0.0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    ASSERT_NEAR(exact[i], plain[i], 1e-4);
    ab += double{exact[i]} * double{low[i]};
    aa += double{exact[i]} * double{exact[i]};
    bb += double{low[i]} * double{low[i]};
  }
  EXPECT_GT(ab / std::sqrt(aa * bb), 0.9993) << "without factors it is 0.99";
}

}  // namespace
}  // namespace berth::test
