// Qwen's family: what its config.json says a token sees, what is refused, and that causal models are causal whatever runs them.
#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "engine/tasks/fill_mask.hpp"
#include "tests/engine/edited_case.hpp"
#include "tests/engine/inputs.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;
using base::Json;
using engine::kWholeRow;
using engine::LayerPlan;
using engine::Model;
using engine::ModelConfig;
using engine::RunOptions;
using Ids = std::vector<std::int32_t>;

// What each layer sees: "c" all before, "w" a window of what is before, "b" the whole row.
std::string views(const ModelConfig& config) {
  std::string kinds;
  for (const LayerPlan& layer : config.plan) kinds += layer.behind == kWholeRow ? 'b' : layer.before == kWholeRow ? 'c' : 'w';
  return kinds;
}

TEST(QwenArchitectures, LayersSeeWhatIsBefore) {
  const ModelConfig config = config_of("qwen3");
  EXPECT_EQ(views(config), "ccww");
  EXPECT_EQ(config.plan[0].behind, 0U);
  EXPECT_EQ(config.plan[2].behind, 0U);
  EXPECT_EQ(config.plan[2].before, 5U) << "six tokens, itself one of them";
  EXPECT_EQ(views(config_of("qwen3", [](Json& json) { json["use_sliding_window"] = false; })), "cccc");
  EXPECT_EQ(views(config_of("qwen3", [](Json& json) { json.erase("max_window_layers"); })), "cccc") << "28 of them";
  EXPECT_EQ(views(config_of("qwen3", [](Json& json) { json["max_window_layers"] = 0; })), "wwww");
  EXPECT_EQ(views(config_of("qwen3-v5-config")), "cwc");
  EXPECT_EQ(views(config_of("qwen3-bidirectional")), "bb");
  EXPECT_EQ(views(config_of("qwen2")), "ccc");
  EXPECT_EQ(views(config_of("qwen2", [](Json& json) { json["is_causal"] = false; })), "bbb");
  EXPECT_EQ(views(config_of("qwen2", [](Json& json) { json["is_causal"] = true; })), "ccc");
}

TEST(QwenArchitectures, WindowsThatContradictThemselvesAreRefused) {
  expect_refused("qwen3", "sliding_window", nullptr, {"integer"}, ErrorCode::corrupt_file);
  expect_refused("qwen3", "sliding_window", 0, {"0"}, ErrorCode::corrupt_file);
  expect_refused("qwen3", "is_causal", false, {"false", "layers see a window"});
  expect_refused("qwen3-v5-config", "use_sliding_window", false, {"false", "layer_types", "sliding_attention"});
  expect_refused("qwen3-v5-config", "layer_types", Json::array({"full_attention"}), {"3 layers"}, ErrorCode::corrupt_file);
}

// The mask is never a guess.
TEST(QwenArchitectures, WhoeverMayMeanAnotherMaskIsAsked) {
  for (const char* key : {"use_bidirectional_attention", "bidirectional", "bidirectional_attention"}) {
    expect_refused("qwen3", key, true, {"true", "\"is_causal\" is true"});
    expect_refused("qwen3-bidirectional", key, false, {"false", "\"is_causal\" is false"});
    EXPECT_EQ(views(config_of("qwen3-bidirectional", [&](Json& json) { json[key] = true; })), "bb");
    EXPECT_EQ(views(config_of("qwen2", [&](Json& json) { json[key] = false; })), "ccc");
  }
  const Json code = {{"AutoModel", "modeling_qwen.Qwen2Model"}};
  expect_refused("qwen2", "auto_map", code, {"is_causal"});
  EXPECT_EQ(views(config_of("qwen2-seqcls",
                            [&](Json& json) {
                              json["auto_map"] = code;
                              json["is_causal"] = false;
                            })),
            "bb");
  for (const char* name : {"Qwen3BidirectionalModel", "Qwen2Model", "JinaForRanking", "Qwen3"})
    expect_refused("qwen3", "architectures", Json::array({name}), {name, "Qwen3ForSequenceClassification"});
  expect_refused("qwen3", "architectures", Json::array({7}), {"7"});
}

TEST(QwenArchitectures, WhatItDoesNotRunIsRefused) {
  expect_refused("qwen3", "dual_chunk_attention_config", Json{{"chunk_size", 262144}}, {"null"});
  expect_refused("qwen3", "quantization_config", Json{{"quant_method", "fp8"}}, {"null"});
  expect_refused("qwen2", "use_mrope", true, {"true"});
  expect_refused("qwen3", "is_decoder", true, {"true"});
  expect_refused("qwen3", "head_dim", 7, {"pairs"}, ErrorCode::corrupt_file);
  expect_refused("qwen3", "num_key_value_heads", 4, {"divide"}, ErrorCode::corrupt_file);
  expect_refused("qwen3-seqcls", "pad_token_id", -2, {"-2"}, ErrorCode::corrupt_file);
  expect_error(ErrorCode::unsupported, {"config.json", "rope_scaling.rope_type", "yarn", "default, linear"}, [] {
    config_of("qwen3", [](Json& json) { json["rope_scaling"] = {{"rope_type", "yarn"}, {"factor", 4.0}}; });
  });
  expect_error(ErrorCode::corrupt_file, {"config.json", "rope_theta"}, [] { config_of("qwen2", [](Json& json) { json.erase("rope_theta"); }); });
  EXPECT_EQ(config_of("qwen3", [](Json& json) { json.erase("head_dim"); }).head_size, 128U);
  EXPECT_EQ(config_of("qwen2").head_size, 8U);
}

// Any value in any key's place: a configuration, or an error that names the file.
TEST(QwenArchitectures, HostileValuesAreConfigurationsOrErrors) {
  const Json values = Json::parse(R"([null, true, false, -1, 0, 1, 3, 7, 2147483648, 9223372036854775807, 18446744073709551615, 1e300, -0.5, "", "x", [],
                                      [null], ["full_attention"], {}, {"rope_theta": -1}, {"rope_theta": 1e4, "rope_type": 3}, {"0": "a", "7": "b"}])");
  std::size_t refused = 0;
  std::size_t read = 0;
  for (const char* name : {"qwen3", "qwen3-v5-config", "qwen3-bidirectional", "qwen3-seqcls", "qwen2-qa"}) {
    auto directory = loaders::ModelDirectory::open(reference(name));
    const auto tensors = loaders::TensorStore::open(reference(name));
    Json keys = directory.config;
    for (const char* more : {"is_causal", "auto_map", "layer_types", "pruned_heads", "problem_type", "num_labels"}) keys.emplace(more, nullptr);
    for (const auto& [key, stated] : keys.items())
      for (const Json& value : values) {
        Json whole = directory.config;
        directory.config[key] = value;
        try {
          const ModelConfig config = engine::read_model_config(directory, tensors);
          EXPECT_EQ(config.plan.size(), config.num_layers);
          EXPECT_EQ(config.head_size % 2, 0U);
          ++read;
        } catch (const base::Error& error) {
          EXPECT_NE(std::string(error.what()).find("config.json"), std::string::npos) << error.what();
          ++refused;
        }
        directory.config = std::move(whole);
      }
  }
  EXPECT_GT(refused, 500U);
  EXPECT_GT(read, 500U);
}

std::vector<float> states(const Model& model, const Ids& ids) {
  engine::TokenValues tokens;
  model.encode(std::vector{ids_input(ids)}, {}, nullptr, nullptr, &tokens);
  return tokens.values;
}

Ids some_ids(std::size_t count) {
  Ids ids;
  for (std::size_t i = 0; i < count; ++i) ids.push_back(static_cast<std::int32_t>(5 + i * 37 % 140));
  return ids;
}

// In FP32 a row's first tokens are the same bits whatever follows them; where the model is not causal they are not.
TEST(QwenArchitectures, WhatFollowsATokenIsOfNoMatter) {
  const Ids ids = some_ids(43);
  for (const std::string& isa : usable_isas())
    for (const char* name : {"qwen3", "qwen3-v5-config", "qwen2", "qwen3-bidirectional"}) {
      const auto model = Model::load(reference(name).string(), {.threads = 2, .precision = "fp32", .isa = isa});
      const std::vector<float> whole = states(*model, ids);
      for (const std::size_t count : {1, 7, 16, 33, 42}) {
        std::vector<float> first = states(*model, Ids(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count)));
        const bool same = std::equal(first.begin(), first.end(), whole.begin());
        EXPECT_EQ(same, std::string(name) != "qwen3-bidirectional") << name << " on " << isa << ", " << count << " tokens";
      }
    }
}

float score(const Model& model, const Ids& ids) {
  float value = 0.0F;
  model.classify(std::vector{ids_input(ids)}, {}, true, &value, nullptr);
  return value;
}

// As the library has it: the last token that is not the padding token, where there is one.
TEST(QwenArchitectures, ClassifiersReadTheLastTokenThatIsNoPadding) {
  const auto model = Model::load(reference("qwen3-seqcls").string(), {.threads = 1});
  const float expected = score(*model, {40, 3, 50, 60});
  EXPECT_EQ(score(*model, {40, 3, 50, 60, 3}), expected);
  EXPECT_EQ(score(*model, {40, 3, 50, 60, 3, 3, 3}), expected);
  EXPECT_NE(score(*model, {40, 3, 50, 60, 4}), expected);
  EXPECT_EQ(score(*model, {3, 3, 3}), score(*model, {3}));
  EXPECT_EQ(score(*model, {3, 3, 3}), score(*model, {3, 3}));
  const Edited none("qwen3-seqcls", [](Json& json) { json["pad_token_id"] = nullptr; });
  const auto plain = Model::load(none.directory().string(), {.threads = 1});
  EXPECT_EQ(score(*plain, {40, 3, 50, 60}), expected);
  EXPECT_NE(score(*plain, {40, 3, 50, 60, 3}), expected);
  float probability = 0.0F;
  model->rerank(std::vector{ids_input({40, 3, 50, 60})}, {}, false, &probability, nullptr);
  EXPECT_NEAR(probability, 1.0 / (1.0 + std::exp(-double{expected})), 1e-6) << "one label";
}

// A text's last token is the one that the template appends, with a prompt and where the text is cut.
TEST(QwenArchitectures, EmbeddingsAreOfTheAppendedToken) {
  const auto model = Model::load(reference("st-qwen3").string(), {.threads = 1});
  const auto of_ids = [&](const Ids& ids) {
    std::vector<float> out(model->embedding_size());
    model->encode(std::vector{ids_input(ids)}, {}, out.data(), nullptr, nullptr);
    return out;
  };
  EXPECT_EQ(encode_texts(*model, {"ab ab's c"}), of_ids({12, 13, 15, 6, 2, 20}));
  EXPECT_EQ(encode_texts(*model, {"ab ab's c"}, {.max_length = 3}), of_ids({12, 13, 20}));
  EXPECT_EQ(encode_texts(*model, {""}), of_ids({20}));
  EXPECT_EQ(model->max_length(), 48U) << "as many positions as there are, not model_max_length";
  EXPECT_EQ(encode_texts(*model, {"ab 1"}, {.prompt_name = "query"}), encode_texts(*model, {"Instruct: Find what answers it\nQuery:ab 1"}));
  EXPECT_NE(encode_texts(*model, {"ab 1"}, {.prompt_name = "query"}), encode_texts(*model, {"ab 1"}));
  EXPECT_EQ(Json::parse(model->info())["flop_per_token_squared"], 3 * 2.0 * 80) << "half of what layers do that see the whole row";
}

// With mean pooling; what comes behind a stretch is of no matter to it, and what is before it is.
TEST(QwenArchitectures, StretchesOfATextHaveSeenWhatIsBefore) {
  const Edited edited("st-qwen3", [](Json&) {});
  std::ofstream(edited.directory() / "1_Pooling" / "config.json") << R"({"word_embedding_dimension":32,"pooling_mode_mean_tokens":true})";
  const auto model = Model::load(edited.directory().string(), {.threads = 1, .precision = "fp32"});
  const auto stretch = [&](const std::string& text, berth_span span) {
    std::vector<float> out(model->embedding_size());
    const berth_input input = text_input(text);
    const std::span<const berth_span> list(&span, 1);
    std::uint32_t tokens = 0;
    model->encode_chunks({&input, 1}, {&list, 1}, {}, out.data(), &tokens, nullptr);
    EXPECT_EQ(tokens, 2U);
    return out;
  };
  const std::vector<float> first = stretch("ab ab's c", {0, 5});
  EXPECT_EQ(stretch("ab ab c 11", {0, 5}), first);
  EXPECT_EQ(stretch("ab ab", {0, 5}), first);
  EXPECT_NE(stretch("c ab ab", {1, 7}), stretch("s ab ab", {1, 7}));
  // The mean of two tokens, normalised.
  const std::vector<float> tokens = states(*model, {12, 13, 20});
  double length = 0.0;
  std::vector<double> mean;
  for (std::size_t i = 0; i < first.size(); ++i) mean.push_back((double{tokens[i]} + double{tokens[first.size() + i]}) / 2.0);
  for (const double value : mean) length += value * value;
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_NEAR(first[i], mean[i] / std::sqrt(length), 1e-6) << i;
}

TEST(QwenArchitectures, WhatACausalModelCannotDoItSays) {
  const auto model = Model::load(reference("st-qwen3").string(), {.threads = 1});
  const std::string text = "ab ab's c";
  const std::vector<berth_input> inputs = {text_input(text)};
  engine::Findings findings;
  expect_error(ErrorCode::unsupported, {"no masked-language-model head", "its task is embedding"},
               [&] { engine::fill_mask(*model, inputs, {}, findings, nullptr); });
  engine::SparseVectors sparse;
  expect_error(ErrorCode::unsupported, {"no masked-language-model head", "berth runs none of model_type \"qwen3\""},
               [&] { model->encode_vectors(inputs, {}, {.sparse = &sparse}, nullptr); });
  const std::vector<berth_span> spans = {{0, 2}};
  const std::span<const berth_span> list = spans;
  std::vector<float> out(model->embedding_size());
  expect_error(ErrorCode::unsupported, {"spans", "lasttoken", "mean"}, [&] { model->encode_chunks(inputs, {&list, 1}, {}, out.data(), nullptr, nullptr); });
}

}  // namespace
}  // namespace berth::test
