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

TEST(RmsArchitectures, RotaryPositionsAreSaidOnceOrAlike) {
  const auto frequencies = [](const Json& parameters, const Json& scaling) {
    return config_of("eurobert-tokencls",
                     [&](Json& json) {
                       json["rope_parameters"] = parameters;
                       json["rope_scaling"] = scaling;
                     })
        .rotaries[0]
        .frequencies;
  };
  const Json plain = {{"rope_type", "default"}, {"rope_theta", 10000.0}}, linear = {{"rope_type", "linear"}, {"rope_theta", 10000.0}, {"factor", 2.0}};
  EXPECT_EQ(frequencies(linear, linear), frequencies(linear, nullptr));
  expect_error(ErrorCode::unsupported, {"rope_scaling", "null", "rope_parameters"}, [&] { frequencies(plain, linear); });
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

// A square matrix in FP32 with row `row` times 32 where its name ends with `values`, and with the columns that read it divided by as much where with `reader`.
void plant(const Edited& edited, std::size_t size, const char* values, std::size_t row, const char* reader, const std::vector<std::size_t>& columns) {
  edited.rewrite([&](TensorToWrite tensor) {
    std::vector<float> numbers(tensor.data.size() / sizeof(float));
    std::memcpy(numbers.data(), tensor.data.data(), tensor.data.size());
    if (tensor.name.ends_with(values))
      for (std::size_t i = 0; i < size; ++i) numbers[row * size + i] *= 32.0F;
    if (tensor.name.ends_with(reader))
      for (std::size_t out = 0; out < size; ++out)
        for (const std::size_t column : columns) numbers[out * size + column] /= 32.0F;
    std::memcpy(tensor.data.data(), numbers.data(), tensor.data.size());
    return std::vector{tensor};
  });
}

std::vector<float> hidden_states(const std::filesystem::path& directory, const char* name, const char* precision) {
  const auto model = engine::Model::load(directory.string(), {.threads = 1, .precision = precision});
  const std::vector<ReferenceInputs> sets = ReferenceCase(reference(name)).input_sets();
  engine::TokenValues tokens;
  model->encode(sets.front().inputs(), {}, nullptr, nullptr, &tokens);
  return tokens.values;
}

// One value of a head of keys 32 times as large, and what reads it, in each of the three heads that share it, so much smaller: the same function, which
// INT8 keeps.
TEST(RmsArchitectures, SharedValuesThatStandOutCostNoAccuracy) {
  const Edited edited("eurobert", [](Json&) {});
  plant(edited, 48, "v_proj.weight", 11, "o_proj.weight", {3 * 8 + 3, 4 * 8 + 3, 5 * 8 + 3});
  const auto plain = hidden_states(reference("eurobert"), "eurobert", "fp32");
  const auto exact = hidden_states(edited.directory(), "eurobert", "fp32");
  for (std::size_t i = 0; i < exact.size(); ++i) ASSERT_NEAR(exact[i], plain[i], 1e-4);
  EXPECT_GT(cosine(exact, hidden_states(edited.directory(), "eurobert", "int8")), 0.9993);
}

// Of two values that are turned together one stands out: behind attention both do.
TEST(RmsArchitectures, TurnedValuesThatStandOutStayAsTheyAre) {
  const Edited edited("roformer-seqcls", [](Json&) {});
  plant(edited, 32, "self.value.weight", 10, "attention.output.dense.weight", {10});
  const auto exact = hidden_states(edited.directory(), "roformer-seqcls", "fp32");
  EXPECT_GT(cosine(exact, hidden_states(edited.directory(), "roformer-seqcls", "int8")), 0.995);
}

TEST(RmsArchitectures, T5sFeedForwardBlock) {
  using engine::Gate;
  using kernels::Activation;
  const auto read = [](const char* projection) { return config_of("t5", [&](Json& json) { json["feed_forward_proj"] = projection; }); };
  EXPECT_EQ(read("relu").activation, Activation::relu);
  EXPECT_EQ(read("relu").body.gate, Gate::none);
  EXPECT_EQ(read("gated-gelu").activation, Activation::gelu_tanh) << "whatever the name says";
  EXPECT_EQ(read("gated-gelu").body.names.intermediate_value, "encoder.block.{i}.layer.1.DenseReluDense.wi_1");
  EXPECT_EQ(read("gelu").activation, Activation::gelu);
  EXPECT_EQ(config_of("t5", [](Json& json) { json.erase("feed_forward_proj"); }).body.gate, Gate::none);
  EXPECT_EQ(config_of("mt5").body.gate, Gate::first_half);
  for (const char* projection : {"gated-", "gated-laplace", "laplace", ""}) expect_refused("t5", "feed_forward_proj", projection, {"gelu_new"});
  for (const char* projection : {"gated-gelu-relu", "open-relu"}) expect_refused("t5", "feed_forward_proj", projection, {projection, "\"gated-\""});
  expect_refused("t5-tokencls", "dense_act_fn", "relu", {"\"relu\"", "\"gelu_new\"", "feed_forward_proj"});
  expect_refused("t5-tokencls", "is_gated_act", false, {"false"});
  expect_refused("t5", "is_gated_act", true, {"true"});
}

TEST(RmsArchitectures, T5sRelativePositions) {
  const ModelConfig t5 = config_of("t5");
  EXPECT_EQ(t5.relative_tables, 1U);
  EXPECT_EQ(t5.attention_scale, 1.0F);
  EXPECT_GT(t5.max_positions, 100000U) << "n_positions is of no matter";
  const ModelConfig umt5 = config_of("umt5");
  EXPECT_EQ(umt5.relative_tables, 3U);
  EXPECT_EQ(umt5.plan[2].relative_table, 2U);
  EXPECT_EQ(config_of("mt5").buckets.count, 13U);
  for (const int count : {0, 3}) expect_refused("t5", "relative_attention_num_buckets", count, {std::to_string(count)}, ErrorCode::corrupt_file);
  for (const int distance : {0, 8}) expect_refused("t5", "relative_attention_max_distance", distance, {std::to_string(distance)}, ErrorCode::corrupt_file);
  EXPECT_EQ(config_of("t5", [](Json& json) { json["relative_attention_max_distance"] = 9; }).buckets.max_distance, 9U);
}

TEST(RmsArchitectures, T5sHeadsHaveTheirOwnSize) {
  EXPECT_EQ(config_of("t5").query_size(), 20U);
  EXPECT_EQ(config_of("t5", [](Json& json) { json.erase("d_kv"); }).head_size, 64U);
  const Edited edited("t5", [](Json& json) { json["d_kv"] = 6; });
  expect_error(ErrorCode::corrupt_file, {"encoder.block.0.layer.0.SelfAttention.q.weight", "[20, 32]", "[24, 32]", "SelfAttention.o.weight"},
               [&] { engine::Model::load(edited.directory().string(), {.threads = 1}); });
}

// The table of tokens has two names, and a file has one of them or both.
TEST(RmsArchitectures, T5sEncoderIsAllThatItsFileNeeds) {
  const auto embeddings = [](const Edited& edited) {
    const auto model = engine::Model::load(edited.directory().string(), {.threads = 1});
    return outputs(*model, ReferenceCase(reference("t5")).input_sets().front().inputs());
  };
  const Edited whole("t5", [](Json&) {});
  const auto expected = embeddings(whole);
  const Edited encoder("t5", [](Json&) {});
  encoder.rewrite([](TensorToWrite tensor) {
    if (!tensor.name.starts_with("encoder.") && tensor.name != "shared.weight") return std::vector<TensorToWrite>();
    if (tensor.name == "shared.weight") tensor.name = "encoder.embed_tokens.weight";
    return std::vector{tensor};
  });
  EXPECT_EQ(embeddings(encoder), expected);
  const Edited none("t5", [](Json&) {});
  none.rewrite([](const TensorToWrite& tensor) { return tensor.name == "shared.weight" ? std::vector<TensorToWrite>() : std::vector{tensor}; });
  expect_error(ErrorCode::corrupt_file, {"\"shared.weight\" [150, 32] is missing"}, [&] { embeddings(none); });
}

TEST(RmsArchitectures, CausalGemmaIsRefused) {
  expect_refused("gemma3", "use_bidirectional_attention", false, {"false", "causal"});
  expect_refused("gemma3", "use_bidirectional_attention", nullptr, {"null", "causal"});
  expect_refused("gemma3", "attn_logit_softcapping", 50.0, {"50", "null"});
}

TEST(RmsArchitectures, TextsOfT5HaveTheLimitThatIsStatedOrOneAllTheSame) {
  const Edited plain("t5", [](Json&) {}), sentences("st-t5", [](Json&) {});
  const auto limit_of = [](const Edited& edited) { return engine::Model::load(edited.directory().string(), {.threads = 1})->max_length(); };
  EXPECT_EQ(limit_of(plain), 8192U);
  EXPECT_EQ(limit_of(sentences), 256U);
  std::ofstream(sentences.directory() / "sentence_bert_config.json") << R"({"max_seq_length":20000})";
  EXPECT_EQ(limit_of(sentences), 20000U);
  std::ofstream(sentences.directory() / "sentence_bert_config.json") << "{}";
  EXPECT_EQ(limit_of(sentences), 8192U);
}

TEST(RmsArchitectures, HeadsThatNoModelOfTheTypeHasAreSaidToBeNone) {
  const auto model = engine::Model::load(reference("gemma3").string(), {.threads = 1});
  const std::vector<std::int32_t> ids = {5, 7, 11};
  float score = 0.0F;
  expect_error(ErrorCode::unsupported, {"no sequence-classification head", "berth runs none of model_type \"gemma3_text\""},
               [&] { model->classify(std::vector{ids_input(ids)}, {}, true, &score, nullptr); });
}

TEST(RmsArchitectures, GemmasLayersSeeHalfOfTheirWindowToEitherSide) {
  const ModelConfig typed = config_of("gemma3");
  EXPECT_EQ(typed.plan[0].before, 4U);
  EXPECT_EQ(typed.plan[0].behind, 4U);
  EXPECT_EQ(typed.plan[2].before, engine::kWholeRow);
  EXPECT_EQ(typed.plan[2].behind, engine::kWholeRow);
  EXPECT_EQ(typed.plan[3].rotary, 1U);
  EXPECT_EQ(config_of("gemma3", [](Json& json) { json["sliding_window"] = 10; }).plan[0].behind, 5U);
  EXPECT_EQ(config_of("gemma3", [](Json& json) { json.erase("sliding_window"); }).plan[0].behind, 2048U);
  const auto every = [](int layers, const std::function<void(Json&)>& edit) {
    const ModelConfig config = config_of("gemma3-v5-config", [&](Json& json) {
      json["num_hidden_layers"] = layers;
      edit(json);
    });
    std::string whole;
    for (const engine::LayerPlan& layer : config.plan) whole += layer.before == engine::kWholeRow ? 'w' : '.';
    return whole;
  };
  EXPECT_EQ(every(5, [](Json&) {}), ".w.w.");
  EXPECT_EQ(every(7, [](Json& json) { json.erase("sliding_window_pattern"); }), ".....w.");
  expect_refused("gemma3", "layer_types", Json::array({"full_attention"}), {"4 layers"}, ErrorCode::corrupt_file);
  expect_refused("gemma3", "layer_types", Json::array({"full_attention", "full_attention", "full_attention", "chunked_attention"}),
                 {"entry 3", "chunked_attention"}, ErrorCode::corrupt_file);
  expect_refused("gemma3-v5-config", "sliding_window_pattern", 0, {"0"}, ErrorCode::corrupt_file);
}

TEST(RmsArchitectures, GemmasScales) {
  const ModelConfig config = config_of("gemma3");
  EXPECT_EQ(config.embedding_scale, std::sqrt(32.0F));
  EXPECT_EQ(config.attention_scale, 1.0F / std::sqrt(10.0F));
  EXPECT_EQ(config_of("gemma3", [](Json& json) { json.erase("query_pre_attn_scalar"); }).attention_scale, 1.0F / 16.0F);
  EXPECT_EQ(config_of("gemma3-v5-config", [](Json& json) { json.erase("num_key_value_heads"); }).num_key_value_heads, 4U);
  EXPECT_EQ(config_of("gemma3", [](Json& json) { json.erase("head_dim"); }).head_size, 256U);
  expect_error(ErrorCode::corrupt_file, {"num_key_value_heads", "divide"}, [] { config_of("gemma3", [](Json& json) { json.erase("num_key_value_heads"); }); });
}

TEST(RmsArchitectures, GemmasRotaryPositionsAreOfEitherKind) {
  const ModelConfig plain = config_of("gemma3");
  const ModelConfig scaled = config_of("gemma3", [](Json& json) { json["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 4.0}}; });
  EXPECT_NEAR(scaled.rotaries[0].frequencies[1], plain.rotaries[0].frequencies[1] / 4.0, 1e-9);
  EXPECT_EQ(scaled.rotaries[1].frequencies, plain.rotaries[1].frequencies) << "those of layers with a window stay";
  const ModelConfig bases = config_of("gemma3", [](Json& json) {
    json.erase("rope_theta");
    json.erase("rope_local_base_freq");
  });
  EXPECT_EQ(bases.rotaries[0].frequencies, plain.rotaries[0].frequencies);
  EXPECT_EQ(bases.rotaries[1].frequencies, plain.rotaries[1].frequencies);
  expect_refused("gemma3-v5-config", "rope_scaling", Json{{"rope_type", "linear"}, {"factor", 4.0}}, {"rope_parameters"});
  expect_error(ErrorCode::unsupported, {"config.json", "rope_parameters.full_attention.rope_type", "yarn"},
               [] { config_of("gemma3-v5-config", [](Json& json) { json["rope_parameters"]["full_attention"]["rope_type"] = "yarn"; }); });
}

TEST(RmsArchitectures, NormsOfHeadsHaveTheSizeOfOne) {
  const Edited edited("gemma3", [](Json& json) { json["head_dim"] = 6; });
  expect_error(ErrorCode::corrupt_file, {"layers.0.self_attn.q_norm.weight", "has shape [12], expected [6]"},
               [&] { engine::Model::load(edited.directory().string(), {.threads = 1}); });
}

}  // namespace
}  // namespace berth::test
