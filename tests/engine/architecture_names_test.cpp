// Models that differ from others in names alone: a reference case under those names gives the same bits in every precision.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "tests/engine/edited_case.hpp"
#include "tests/engine/inputs.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;
using base::Json;

// The first part of the rows under names.front(), and so on.
std::vector<TensorToWrite> cut(const TensorToWrite& tensor, const std::vector<std::string>& names) {
  std::vector<TensorToWrite> parts;
  const std::size_t bytes = tensor.data.size() / names.size();
  for (std::size_t i = 0; i < names.size(); ++i) {
    parts.push_back({names[i], tensor.dtype, tensor.shape, tensor.data.substr(i * bytes, bytes)});
    parts.back().shape.front() /= names.size();
  }
  return parts;
}

// The case of the second DeBERTa without buckets and with c2p alone, as a file of the first: the biases that the first lacks add the same to all of a query's
// scores.
TEST(ArchitectureNames, DebertaWithoutBucketsIsTheFirst) {
  constexpr std::size_t kHeads = 4;
  const Edited edited("deberta-v2-nobuckets", [](Json& json) { json["model_type"] = "deberta"; });
  std::map<std::string, TensorToWrite> seen;
  edited.rewrite([&](const TensorToWrite& tensor) -> std::vector<TensorToWrite> {
    const std::size_t at = tensor.name.find(".self.");
    if (at == std::string::npos) return {tensor};
    const std::string layer = tensor.name.substr(0, at + 6);
    const std::string part = tensor.name.substr(at + 6);
    seen[part] = tensor;
    std::vector<TensorToWrite> made;
    if (part == "query_proj.bias") made.push_back(renamed(tensor, {{"query_proj.bias", "q_bias"}}));
    if (part == "value_proj.bias") made.push_back(renamed(tensor, {{"value_proj.bias", "v_bias"}}));
    if (part == "key_proj.weight") made.push_back(renamed(tensor, {{"key_proj", "pos_proj"}}));
    if (part == "value_proj.weight") {  // by name the last
      TensorToWrite whole{layer + "in_proj.weight", tensor.dtype, {3 * tensor.shape[0], tensor.shape[1]}, {}};
      const std::size_t bytes = tensor.data.size() / kHeads;
      for (std::size_t head = 0; head < kHeads; ++head)
        for (const char* stored : {"query_proj.weight", "key_proj.weight", "value_proj.weight"}) whole.data += seen.at(stored).data.substr(head * bytes, bytes);
      made.push_back(std::move(whole));
    }
    return made;
  });
  const ReferenceCase original(reference("deberta-v2-nobuckets"));
  const auto model = engine::Model::load(edited.directory().string(), {.threads = 2});
  for (const ReferenceInputs& set : original.input_sets())
    EXPECT_LE(reference_error(*original.tensor(set.prefix + "last_hidden_state"), outputs(*model, set.inputs()), set, true), kReferenceTolerance);
}

TEST(ArchitectureNames, Data2VecTextIsRoberta) {
  for (const char* name : {"roberta", "roberta-seqcls", "roberta-tokencls", "roberta-mlm"}) {
    const Edited edited(name, [](Json& json) { json["model_type"] = "data2vec-text"; });
    edited.rewrite([](const TensorToWrite& tensor) { return std::vector{renamed(tensor, {{"roberta.", "data2vec_text."}})}; });
    expect_same_bits(name, edited);
  }
}

TEST(ArchitectureNames, ErnieIsBert) {
  for (const char* name : {"bert", "bert-nli", "bert-tokencls", "bert-qa", "bert-mlm", "bert-act-relu"}) {
    const Edited edited(name, [](Json& json) { json["model_type"] = "ernie"; });
    edited.rewrite([](const TensorToWrite& tensor) { return std::vector{renamed(tensor, {{"bert.", "ernie."}})}; });
    expect_same_bits(name, edited);
  }
}

// config.json of the case "nomic-bert" as NomicBertConfig of transformers 5 has it.
void as_native_nomic(Json& json) {
  json = {{"model_type", "nomic_bert"},
          {"architectures", Json::array({"NomicBertModel"})},
          {"vocab_size", 320},
          {"hidden_size", 32},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 2},
          {"intermediate_size", 256},
          {"hidden_act", "silu"},
          {"max_position_embeddings", 128},
          {"type_vocab_size", 2},
          {"layer_norm_eps", 1e-12},
          {"head_dim", 16},
          {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 1000.0}}}};
}

std::vector<TensorToWrite> to_native_nomic(const TensorToWrite& tensor) {
  const TensorToWrite plain = renamed(tensor, {{"emb_ln", "embeddings.LayerNorm"},
                                               {"encoder.layers", "layers"},
                                               {"attn.out_proj", "self_attn.o_proj"},
                                               {"fc11", "up_proj"},
                                               {"fc12", "gate_proj"},
                                               {"fc2", "down_proj"},
                                               {"norm1", "post_attention_layernorm"},
                                               {"norm2", "post_mlp_layernorm"}});
  const std::size_t at = plain.name.find("attn.Wqkv");
  if (at == std::string::npos) return {plain};
  const auto part = [&](const char* name) { return plain.name.substr(0, at) + "self_attn." + name + plain.name.substr(at + 9); };
  return cut(plain, {part("q_proj"), part("k_proj"), part("v_proj")});
}

std::vector<TensorToWrite> with_prefix(const std::string& prefix, std::vector<TensorToWrite> tensors) {
  for (TensorToWrite& tensor : tensors)
    if (!tensor.name.starts_with("cls.")) tensor.name = prefix + tensor.name;
  return tensors;
}

TEST(ArchitectureNames, NomicBertOfTransformers5UnderItsOwnNamesAndThePublishedOnes) {
  for (const char* prefix : {"", "nomic_bert."}) {
    const Edited published("nomic-bert", as_native_nomic);
    published.rewrite([&](const TensorToWrite& tensor) { return with_prefix(prefix, {tensor}); });
    expect_same_bits("nomic-bert", published);
    const Edited native("nomic-bert", as_native_nomic);
    native.rewrite([&](const TensorToWrite& tensor) { return with_prefix(prefix, to_native_nomic(tensor)); });
    expect_same_bits("nomic-bert", native);
  }
}

// The head of a NomicBertForMaskedLM beside that of the published file, which ArchitectureHeads.NomicFillsMasks has by the definition.
TEST(ArchitectureNames, NomicBertOfTransformers5FillsMasks) {
  constexpr std::size_t kHidden = 32;
  std::vector<float> weight(kHidden * kHidden);
  for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = static_cast<float>(i * 37 % 101) / 101.0F - 0.5F;
  const auto add_head = [&](const Edited& edited) {
    edited.add({f32("cls.predictions.transform.dense.weight", {kHidden, kHidden}, weight),
                f32("cls.predictions.transform.layer_norm.weight", {kHidden}, std::vector<float>(kHidden, 1.5F)),
                f32("cls.predictions.transform.layer_norm.bias", {kHidden}, std::vector<float>(kHidden, 0.25F))});
  };
  const Edited published("nomic-bert", [](Json& json) { json["architectures"] = Json::array({"NomicBertForPreTraining"}); });
  add_head(published);
  const Edited native("nomic-bert", [](Json& json) {
    as_native_nomic(json);
    json["architectures"] = Json::array({"NomicBertForMaskedLM"});
  });
  native.rewrite([](const TensorToWrite& tensor) { return with_prefix("nomic_bert.", to_native_nomic(tensor)); });
  add_head(native);
  native.add({zeros("cls.predictions.transform.dense.bias", {kHidden}), zeros("cls.predictions.bias", {320})});
  const auto set = ReferenceCase(reference("nomic-bert")).input_sets().front();
  const auto logits = [&](const Edited& edited) {
    const auto model = engine::Model::load(edited.directory().string(), {.threads = 1});
    EXPECT_EQ(model->config().head.kind, engine::HeadKind::masked_lm);
    return outputs(*model, set.inputs());
  };
  EXPECT_EQ(logits(native), logits(published));
}

TEST(ArchitectureNames, NomicBertOfTransformers5ReadsItsKeys) {
  const auto native = [](const std::function<void(Json&)>& edit) {
    return config_of("nomic-bert", [&](Json& json) {
      as_native_nomic(json);
      edit(json);
    });
  };
  const auto usual = native([](Json&) {});
  EXPECT_EQ(native([](Json& json) { json.erase("rope_parameters"); }).rotaries[0].frequencies, usual.rotaries[0].frequencies) << "the library's default";
  EXPECT_NE(native([](Json& json) { json["rope_parameters"]["rope_theta"] = 10000.0; }).rotaries[0].frequencies, usual.rotaries[0].frequencies);
  EXPECT_EQ(native([](Json& json) { json["hidden_act"] = "gelu_new"; }).activation, kernels::Activation::gelu_tanh);
  EXPECT_EQ(native([](Json& json) { json.erase("hidden_act"); }).activation, kernels::Activation::silu);
  EXPECT_EQ(usual.max_positions, 128U);
  const auto refused = [&](const char* field, const std::vector<std::string>& fragments, const std::function<void(Json&)>& edit,
                           ErrorCode code = ErrorCode::unsupported) {
    std::vector<std::string> all = fragments;
    all.insert(all.begin(), {"config.json", field});
    expect_error(code, all, [&] { native(edit); });
  };
  refused("rope_parameters.rope_type", {"yarn", "default, linear"}, [](Json& json) { json["rope_parameters"]["rope_type"] = "yarn"; });
  refused(
      "head_dim", {"8", "16"}, [](Json& json) { json["head_dim"] = 8; }, ErrorCode::corrupt_file);
  refused("rope_parameters.partial_rotary_factor", {"0.5"}, [](Json& json) {
    json["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 2.0}, {"partial_rotary_factor", 0.5}};
  });
  refused(
      "hidden_size", {}, [](Json& json) { json.erase("hidden_size"); }, ErrorCode::corrupt_file);
}

}  // namespace
}  // namespace berth::test
