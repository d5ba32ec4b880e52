// BART: what its config.json says of the decoder, what is refused, which token a classifier reads, and what a token of the decoder has seen.
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
using engine::Model;
using engine::ModelConfig;
using Ids = std::vector<std::int32_t>;

TEST(BartArchitecture, TheDecoderIsBehindTheEncoder) {
  const ModelConfig config = config_of("bart");
  EXPECT_EQ(config.num_layers, 1U);
  EXPECT_EQ(config.decoder.layers, 3U);
  EXPECT_EQ(config.decoder.start_id, 7);
  ASSERT_EQ(config.plan.size(), 1U + 2 * 3);
  EXPECT_EQ(config.encoder_plan(), 1U);
  for (std::size_t i = 0; i < config.plan.size(); ++i) {
    EXPECT_EQ(config.plan[i].weights, i);
    EXPECT_EQ(config.plan[i].behind, i % 2 == 1 ? 0U : engine::kWholeRow) << i;
  }
  EXPECT_EQ(config.max_positions, 48U);
  EXPECT_EQ(config.position_rows, 50U) << "two that no token has";
  EXPECT_FLOAT_EQ(config.embedding_scale, std::sqrt(48.0F));
  EXPECT_EQ(config_of("bart", [](Json& json) { json.erase("decoder_start_token_id"); }).decoder.start_id, 2);
  EXPECT_EQ(config_of("bart-seqcls").embedding_scale, 1.0F);
}

TEST(BartArchitecture, OtherModelsUnderItsNameAreRefused) {
  for (const char* key : {"normalize_before", "add_final_layer_norm", "static_position_embeddings"}) expect_refused("bart", key, true, {"true"});
  expect_refused("bart", "normalize_embedding", false, {"false"});
  expect_refused("bart", "tie_word_embeddings", false, {"false"});
  expect_refused("bart", "extra_pos_embeddings", 0, {"0", "2"});
  expect_refused("bart", "decoder_attention_heads", 2, {"2", "encoder_attention_heads", "4"});
  expect_refused("bart", "decoder_ffn_dim", 51, {"51", "encoder_ffn_dim", "50"});
  expect_refused("bart", "decoder_layers", 0, {"0"}, ErrorCode::corrupt_file);
  expect_refused("bart", "decoder_start_token_id", 150, {"150", "149"}, ErrorCode::corrupt_file);
  expect_refused("bart", "decoder_start_token_id", -1, {"-1"}, ErrorCode::corrupt_file);
  expect_refused("bart-seqcls", "eos_token_id", "</s>", {"</s>"}, ErrorCode::corrupt_file);
}

TEST(BartArchitecture, EveryTensorThatIsMissingIsNamed) {
  const Edited edited("bart-seqcls", [](Json& json) { json["decoder_layers"] = 3; });
  expect_error(ErrorCode::corrupt_file,
               {"model.safetensors", "model.decoder.layers.2.self_attn.q_proj.weight", "model.decoder.layers.2.encoder_attn.v_proj.bias",
                "model.decoder.layers.2.encoder_attn_layer_norm.weight", "and 6 more"},
               [&] { Model::load(edited.directory().string(), {}); });
}

std::vector<float> logits(const Model& model, const Ids& ids) { return outputs(model, {ids_input(ids)}); }

// The library wants as many ends in every row of a batch, and at least one; berth reads each row for itself.
TEST(BartArchitecture, AClassifierReadsTheLastEnd) {
  const auto with_end = [](std::int32_t id) {
    return Model::load(Edited("bart-seqcls", [&](Json& json) { json["eos_token_id"] = id; }).directory().string(), {.threads = 1});
  };
  const auto model = with_end(7);
  const Ids ids = {20, 7, 21, 7, 22, 23};
  EXPECT_EQ(logits(*model, ids), logits(*with_end(7), ids));
  EXPECT_NE(logits(*model, ids), logits(*with_end(20), ids)) << "the first token";
  EXPECT_NE(logits(*model, ids), logits(*with_end(23), ids)) << "the last one";
  EXPECT_EQ(logits(*with_end(99), ids), logits(*with_end(23), ids)) << "none: the last token";
  EXPECT_EQ(logits(*with_end(20), {20}), logits(*with_end(99), {20}));
}

// Tokens of the decoder see what is before them and, through the encoder, all of the row: the last layer but one alone differs between the two.
TEST(BartArchitecture, TokensSeeTheWholeRowThroughTheEncoder) {
  const auto model = Model::load(reference("bart").string(), {.threads = 1});
  const auto states = [&](std::size_t layer, const Ids& ids) {
    engine::TokenValues tokens;
    model->hidden_states(std::vector<berth_input>{ids_input(ids)}, layer, tokens);
    return std::vector<float>(tokens.values.begin(), tokens.values.begin() + 2 * 48);
  };
  const Ids a = {10, 11, 12, 13};
  const Ids b = {10, 11, 12, 99};
  EXPECT_NE(states(1, a), states(1, b)) << "the encoder";
  EXPECT_EQ(states(2, a), states(2, b)) << "the decoder's first attention, to its own tokens";
  EXPECT_NE(states(3, a), states(3, b)) << "its second, to what the encoder gave";
}

TEST(BartArchitecture, TheSameBitsInAnyBatchOnAnyThreads) {
  std::vector<Ids> rows;
  for (std::size_t i = 0; i < 24; ++i) {
    Ids ids;
    for (std::size_t t = 0; t < 1 + (i * 7) % 46; ++t) ids.push_back(static_cast<std::int32_t>(8 + (i * 31 + t * 17) % 140));
    ids.back() = 7;
    rows.push_back(ids);
  }
  for (const char* name : {"bart-seqcls", "bart-qa"}) {  // the second has rows in BF16, which go through its layers in slices
    for (const char* precision : {"fp32", "bf16", "int8"}) {
      const auto load = [&](int threads) { return Model::load(reference(name).string(), {.threads = threads, .precision = precision}); };
      const auto alone = load(1);
      std::vector<float> expected;
      std::vector<berth_input> inputs;
      for (const Ids& ids : rows) {
        inputs.push_back(ids_input(ids));
        const std::vector<float> one = outputs(*alone, {inputs.back()});
        expected.insert(expected.end(), one.begin(), one.end());
      }
      for (const int threads : {1, 3}) {
        const std::vector<float> all = outputs(*load(threads), inputs);
        ASSERT_EQ(all.size(), expected.size());
        EXPECT_EQ(std::memcmp(all.data(), expected.data(), sizeof(float) * all.size()), 0) << name << " " << precision << " " << threads;
      }
    }
  }
}

TEST(BartArchitecture, InfoCountsBothStacks) {
  const Json info = Json::parse(Model::load(reference("bart").string(), {.threads = 1})->info());
  EXPECT_EQ(info["num_layers"], 1);
  EXPECT_EQ(info["num_decoder_layers"], 3);
  const double hidden = 48, inner = 50;
  EXPECT_EQ(info["flop_per_token"], 2 * hidden * (7 * 4 * hidden + 4 * 2 * inner));
  EXPECT_EQ(info["flop_per_token_squared"], (1 + 3 * 1.5) * 4 * hidden);
}

}  // namespace
}  // namespace berth::test
