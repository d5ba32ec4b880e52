// What config.json says about the order of layers and about positions.
#include <functional>
#include <utility>

#include <gtest/gtest.h>

#include "engine/architecture.hpp"
#include "tests/engine/edited_case.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;
using base::Json;
using engine::ModelConfig;

TEST(ArchitecturePositions, PositionsStartBehindThePaddingId) {
  const ModelConfig usual = config_of("roberta", [](Json&) {});
  EXPECT_EQ(usual.padding_id, 1);
  EXPECT_EQ(usual.position_rows, 66U);
  EXPECT_EQ(usual.max_positions, 64U);
  EXPECT_EQ(config_of("roberta", [](Json& json) { json["pad_token_id"] = 3; }).max_positions, 62U);
  EXPECT_EQ(config_of("mpnet", [](Json& json) { json["pad_token_id"] = 3; }).padding_id, 1) << "MPNet's is fixed";
  expect_refused("roberta", "max_position_embeddings", 2, {"2"}, ErrorCode::corrupt_file);
}

TEST(ArchitecturePositions, AlbertGroupsNeedNotComeOutEven) {
  const ModelConfig config = config_of("albert", [](Json& json) {
    json["num_hidden_layers"] = 5;
    json["num_hidden_groups"] = 2;
    json["inner_group_num"] = 2;
  });
  EXPECT_EQ(config.stored_layers, 4U);
  std::vector<std::size_t> order;
  for (const engine::LayerPlan& layer : config.plan) order.push_back(layer.weights);
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 0, 1, 0, 1, 2, 3, 2, 3}));
}

TEST(ArchitecturePositions, DebertaPositionTermsInBothForms) {
  const auto terms = [](const Json& value) {
    const ModelConfig config = config_of("deberta-v2", [&](Json& json) { json["pos_att_type"] = value; });
    return std::pair{config.disentangled.content_to_position, config.disentangled.position_to_content};
  };
  EXPECT_EQ(terms("p2c|c2p"), std::pair(true, true));
  EXPECT_EQ(terms(" c2p "), std::pair(true, false));
  EXPECT_EQ(terms(Json::array({"p2c"})), std::pair(false, true));
  EXPECT_EQ(terms(""), std::pair(false, false));
  EXPECT_EQ(terms(nullptr), std::pair(false, false));
  EXPECT_EQ(config_of("deberta-v2", [](Json& json) { json["relative_attention"] = false; }).disentangled.span, 0U);
  EXPECT_EQ(config_of("deberta-v2", [](Json& json) { json["position_biased_input"] = true; }).body.names.position_embeddings, "embeddings.position_embeddings");
}

TEST(ArchitecturePositions, DebertaTakesWhatHasNoEffect) {
  const auto terms = [](const Json& types) {
    const auto spec = config_of("deberta-v2", [&](Json& json) { json["pos_att_type"] = types; }).disentangled;
    return std::pair(spec.content_to_position, spec.position_to_content);
  };
  EXPECT_EQ(terms("P2C|C2P"), std::pair(true, true));
  EXPECT_EQ(terms("p2p|c2p"), std::pair(true, false));
  EXPECT_EQ(terms("None"), std::pair(false, false));
  EXPECT_EQ(config_of("deberta-v2",
                      [](Json& json) {
                        json["position_buckets"] = 256;
                        json["max_position_embeddings"] = 128;
                      })
                .disentangled.bucket_size,
            256U)
      << "no row reaches the logarithm";
}

TEST(ArchitecturePositions, ModernBertWindowsAndBases) {
  const ModelConfig every = config_of("modernbert", [](Json& json) { json["global_attn_every_n_layers"] = 2; });
  EXPECT_EQ(every.plan[0].before, engine::kWholeRow);
  EXPECT_EQ(every.plan[0].behind, engine::kWholeRow);
  EXPECT_EQ(every.plan[1].before, 8U);
  EXPECT_EQ(every.plan[1].behind, 8U);
  EXPECT_EQ(every.plan[2].before, engine::kWholeRow);
  EXPECT_EQ(every.plan[2].behind, engine::kWholeRow);
  EXPECT_EQ(config_of("modernbert", [](Json& json) { json["local_attention"] = 5; }).plan[1].behind, 2U);
  const auto second = [](const ModelConfig& config, std::size_t rotary) { return config.rotaries[rotary].frequencies[1]; };
  const ModelConfig usual = config_of("modernbert", [](Json&) {});
  EXPECT_NE(second(usual, 0), second(usual, 1));
  const ModelConfig without = config_of("modernbert", [](Json& json) {
    json.erase("global_rope_theta");
    json.erase("local_rope_theta");
  });
  EXPECT_EQ(second(without, 0), second(usual, 0));
  EXPECT_EQ(second(without, 1), second(usual, 1));
  const ModelConfig null = config_of("modernbert", [](Json& json) { json["local_rope_theta"] = nullptr; });
  EXPECT_EQ(second(null, 1), second(usual, 0)) << "null means the global base";
  const ModelConfig flat = config_of("modernbert-v5-config", [](Json& json) { json["rope_parameters"] = {{"rope_theta", 500.0}, {"rope_type", "default"}}; });
  EXPECT_EQ(second(flat, 0), second(usual, 0)) << "what is for no kind of layer has no effect";
  EXPECT_EQ(second(flat, 1), second(usual, 1));
  const ModelConfig linear = config_of("modernbert-v5-config", [](Json& json) {
    json["rope_parameters"]["full_attention"]["rope_type"] = "linear";
    json["rope_parameters"]["full_attention"]["factor"] = 4.0;
  });
  EXPECT_EQ(second(linear, 0) * 4.0F, second(config_of("modernbert-v5-config", [](Json&) {}), 0));
}

TEST(ArchitecturePositions, NomicSizesFollowTheTensors) {
  const ModelConfig config = config_of("nomic-bert", [](Json& json) {
    json["n_inner"] = nullptr;
    json["vocab_size"] = 311;
  });
  EXPECT_EQ(config.intermediate_size, 256U);
  EXPECT_EQ(config.vocab_size, 320U);
  EXPECT_EQ(config_of("nomic-bert", [](Json& json) { json["rotary_emb_fraction"] = 0.5; }).rotaries[0].frequencies.size(), 4U);
  const ModelConfig absolute = config_of("nomic-bert", [](Json& json) { json["rotary_emb_fraction"] = 0; });
  EXPECT_TRUE(absolute.rotaries.empty());
  EXPECT_FALSE(absolute.body.names.position_embeddings.empty());
}

TEST(ArchitecturePositions, GteReadsRopeParameters) {
  const auto frequencies = [](const std::function<void(Json&)>& edit) { return config_of("gte-new", edit).rotaries[0].frequencies; };
  const auto as_before = frequencies([](Json& json) {
    json["rope_theta"] = 20000.0;
    json["rope_scaling"] = {{"type", "ntk"}, {"factor", 8.0}};
  });
  const auto as_parameters = frequencies([](Json& json) {
    json.erase("rope_theta");
    json.erase("rope_scaling");
    json["rope_parameters"] = {{"rope_type", "ntk"}, {"factor", 8.0}, {"rope_theta", 20000.0}};
  });
  EXPECT_EQ(as_parameters, as_before);
  const auto plain = [](Json& json) { json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 20000.0}}; };
  EXPECT_NE(frequencies(plain), as_before);
  EXPECT_EQ(frequencies([&](Json& json) {
              plain(json);
              json["model_type"] = "gte";
            }),
            frequencies(plain));
}

TEST(ArchitecturePositions, TheTwoFormsOfJinaBertAreToldApartByTheirTensors) {
  EXPECT_TRUE(config_of("jina-bert", [](Json&) {}).body.names.query_norm.empty());
  EXPECT_FALSE(config_of("jina-bert-qk-post-norm", [](Json&) {}).body.names.query_norm.empty());
  EXPECT_EQ(config_of("jina-bert", [](Json&) {}).relative_bias, engine::RelativeBias::alibi);
  EXPECT_EQ(config_of("jina-bert", [](Json& json) { json["feed_forward_type"] = "original"; }).body.gate, engine::Gate::none);
}

}  // namespace
}  // namespace berth::test
