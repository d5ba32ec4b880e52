// What config.json says, architecture by architecture: what is read, and that what is not known is refused by file, field and value.
#include "engine/architecture.hpp"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "base/json.hpp"
#include "engine/model.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/engine/reference_case.hpp"
#include "tests/support/documentation.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/normals.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;
using base::Json;
using engine::ModelConfig;

// A copy of a reference case with another config.json.
class Edited {
 public:
  Edited(const std::string& name, const std::function<void(Json&)>& edit) {
    std::filesystem::copy(reference(name), directory(), std::filesystem::copy_options::recursive);
    Json config = Json::parse(base::read_file(directory() / "config.json", 1 << 20));
    edit(config);
    std::ofstream(directory() / "config.json") << config.dump();
  }
  std::filesystem::path directory() const { return temporary_.path() / "model"; }

 private:
  TempDirectory temporary_;
};

// The configuration alone: the tensors need not fit it.
ModelConfig config_of(const std::string& name, const std::function<void(Json&)>& edit) {
  const Edited edited(name, edit);
  const auto directory = loaders::ModelDirectory::open(edited.directory());
  const auto tensors = loaders::TensorStore::open(edited.directory());
  return engine::read_model_config(directory, tensors);
}

void expect_refused(const std::string& name, const char* key, const Json& value, const std::vector<std::string>& fragments,
                    ErrorCode code = ErrorCode::unsupported) {
  std::vector<std::string> all = fragments;
  all.insert(all.begin(), {"config.json", std::string("\"") + key + "\""});
  expect_error(code, all, [&] { config_of(name, [&](Json& json) { json[key] = value; }); });
}

TEST(Architectures, AreListedOnceAndWithoutMistakes) {
  std::set<std::string> names;
  for (const engine::ArchitectureSpec* spec : engine::architectures()) {
    EXPECT_FALSE(spec->prefixes.empty());
    EXPECT_FALSE(spec->body.names.word_embeddings.empty());
    names.emplace(spec->model_type);
  }
  EXPECT_EQ(names, (std::set<std::string>{"albert", "bert", "camembert", "deberta-v2", "distilbert", "electra", "gte", "modernbert", "mpnet", "new",
                                          "nomic_bert", "roberta", "xlm-roberta"}));
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  EXPECT_EQ(engine::supported_model_types(), list);
}

// One line of docs/architectures.md for each description.
std::string documentation() {
  std::set<std::string> lines;
  for (const engine::ArchitectureSpec* spec : engine::architectures()) {
    std::set<std::string> tasks = {"embedding"};
    for (const engine::HeadSpec& head : spec->heads) tasks.emplace(engine::task_name(head.kind));
    std::string list;
    for (const std::string& task : tasks) list += (list.empty() ? "" : ", ") + task;
    const std::string positions = spec->position_types == std::vector<std::string_view>{"alibi"} ? ", `position_embedding_type` `alibi`" : "";
    lines.insert("| `" + std::string(spec->model_type) + "`" + positions + " | " + std::string(spec->summary) + " | " + list + " |\n");
  }
  std::string table = "| `model_type` | what is particular about it | tasks |\n|---|---|---|\n";
  for (const std::string& line : lines) table += line;
  return table;
}

// To write it anew after a change: BERTH_UPDATE_DOCS=1 engine_architectures_test.
TEST(Architectures, AreAllInTheDocumentation) { expect_documented("architectures.md", documentation()); }

TEST(Architectures, UnlistedModelTypesAreRefusedWithTheList) {
  for (const char* type : {"t5", "gpt2", "llama", "deberta", "xlnet", "roberta-prelayernorm", "modernbert-decoder", ""})
    expect_refused("bert", "model_type", type, {std::string("\"") + type + "\"", std::string(engine::supported_model_types())});
}

TEST(Architectures, UnknownValuesAreRefused) {
  expect_refused("bert", "hidden_act", "laplace", {"laplace", "gelu"});
  expect_refused("bert", "position_embedding_type", "relative_key", {"relative_key", "absolute", "alibi"});
  expect_refused("roberta", "position_embedding_type", "relative_key_query", {"absolute"});
  expect_refused("roberta", "is_decoder", true, {"true"});
  for (const char* model : {"bert", "distilbert", "modernbert"}) expect_refused(model, "pruned_heads", Json{{"1", {0, 2}}}, {R"({"1":[0,2]})", "{}"});
  expect_refused("deberta-v2", "pos_att_type", Json::array({"p2q"}), {"p2q", "c2p, p2c"});
  expect_refused("deberta-v2", "norm_rel_ebd", "batch_norm", {"batch_norm"});
  expect_refused("deberta-v2-xl-style", "conv_act", "nope", {"nope"});
  expect_refused("deberta-v2-xl-style", "conv_kernel_size", 4, {"odd"}, ErrorCode::corrupt_file);
  expect_refused("deberta-v2", "attention_head_size", 3, {"8"}, ErrorCode::corrupt_file);
  expect_refused("deberta-v2", "position_buckets", 2, {"2"}, ErrorCode::corrupt_file);
  expect_refused("modernbert", "classifier_pooling", "max", {"max", "cls, mean"});
  expect_refused("modernbert", "rope_scaling", Json{{"rope_type", "linear"}, {"factor", 2.0}}, {"null"});
  expect_refused("modernbert-v5-config", "layer_types", Json::array({"full_attention"}), {"4 layers"}, ErrorCode::corrupt_file);
  expect_refused("nomic-bert", "activation_function", "relu", {"relu", "swiglu"});
  for (const char* key : {"prenorm", "parallel_block", "causal", "use_rms_norm"}) expect_refused("nomic-bert", key, true, {"true", "false"});
  expect_refused("nomic-bert", "rotary_emb_scale_base", 512, {"512", "null"});
  expect_refused("nomic-bert", "num_experts", 8, {"8"});
  expect_refused("jina-bert", "feed_forward_type", "swiglu", {"swiglu", "geglu"});
  expect_refused("jina-bert-qk-post-norm", "feed_forward_type", "original", {"original"});
  expect_refused("gte-new", "layer_norm_type", "rms_norm", {"rms_norm", "layer_norm"});
  expect_refused("gte-new", "logn_attention_scale", true, {"true"});
  expect_refused("gte-new", "position_embedding_type", "alibi", {"alibi", "rope, absolute"});
  expect_error(ErrorCode::unsupported, {"config.json", "rope_scaling.type", "yarn"},
               [] { config_of("gte-new", [](Json& json) { json["rope_scaling"]["type"] = "yarn"; }); });
  expect_error(ErrorCode::unsupported, {"config.json", "rope_parameters.sliding_attention.rope_type", "yarn"},
               [] { config_of("modernbert-v5-config", [](Json& json) { json["rope_parameters"]["sliding_attention"]["rope_type"] = "yarn"; }); });
  expect_error(ErrorCode::corrupt_file, {"config.json", "num_attention_heads", "pairs"},
               [] { config_of("modernbert", [](Json& json) { json["num_attention_heads"] = 16; }); });
}

TEST(Architectures, ActivationsByEveryName) {
  using kernels::Activation;
  for (const auto& [name, activation] :
       {std::pair{"gelu_python", Activation::gelu}, std::pair{"gelu_accurate", Activation::gelu_tanh}, std::pair{"swish", Activation::silu},
        std::pair{"relu6", Activation::relu6}, std::pair{"mish", Activation::mish}, std::pair{"linear", Activation::none}})
    EXPECT_EQ(config_of("bert", [name = name](Json& json) { json["hidden_act"] = name; }).activation, activation) << name;
  EXPECT_EQ(config_of("albert", [](Json& json) { json.erase("hidden_act"); }).activation, Activation::gelu_tanh);
  EXPECT_EQ(config_of("bert", [](Json& json) { json.erase("hidden_act"); }).activation, Activation::gelu);
}

TEST(Architectures, PositionsStartBehindThePaddingId) {
  const ModelConfig usual = config_of("roberta", [](Json&) {});
  EXPECT_EQ(usual.padding_id, 1);
  EXPECT_EQ(usual.position_rows, 66U);
  EXPECT_EQ(usual.max_positions, 64U);
  EXPECT_EQ(config_of("roberta", [](Json& json) { json["pad_token_id"] = 3; }).max_positions, 62U);
  EXPECT_EQ(config_of("mpnet", [](Json& json) { json["pad_token_id"] = 3; }).padding_id, 1) << "MPNet's is fixed";
  expect_refused("roberta", "max_position_embeddings", 2, {"2"}, ErrorCode::corrupt_file);
}

TEST(Architectures, AlbertGroupsNeedNotComeOutEven) {
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

TEST(Architectures, TablesHaveTheirOwnSize) {
  EXPECT_EQ(config_of("electra", [](Json& json) { json.erase("embedding_size"); }).embedding_size, 128U);
  EXPECT_EQ(config_of("deberta-v2", [](Json&) {}).embedding_size, 32U);
  EXPECT_EQ(config_of("deberta-v2", [](Json& json) { json["embedding_size"] = 16; }).body.names.embedding_projection, "embeddings.embed_proj");
  EXPECT_TRUE(config_of("electra-tokencls", [](Json&) {}).body.names.embedding_projection.empty());
}

TEST(Architectures, DebertaPositionTermsInBothForms) {
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

TEST(Architectures, ModernBertWindowsAndBases) {
  const ModelConfig every = config_of("modernbert", [](Json& json) { json["global_attn_every_n_layers"] = 2; });
  EXPECT_EQ(every.plan[0].window, engine::kWholeRow);
  EXPECT_EQ(every.plan[1].window, 8U);
  EXPECT_EQ(every.plan[2].window, engine::kWholeRow);
  EXPECT_EQ(config_of("modernbert", [](Json& json) { json["local_attention"] = 5; }).plan[1].window, 2U);
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

TEST(Architectures, NomicSizesFollowTheTensors) {
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

// The published file's layers never take the tanh forms, its head does; and transforms of its head have the biases of the layers.
TEST(Architectures, NomicHeadsAndScalingAreTheFilesOwn) {
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
TEST(Architectures, NomicFillsMasks) {
  constexpr std::size_t kHidden = 32;
  const Edited edited("nomic-bert", [](Json& json) { json["architectures"] = Json::array({"NomicBertForPreTraining"}); });
  const auto weight = normals(kHidden * kHidden, 1, 0.2F), gain = normals(kHidden, 2), shift = normals(kHidden, 3);
  std::vector<float> table;
  {
    const auto stored = loaders::TensorStore::open(edited.directory());
    std::vector<TensorToWrite> tensors = {f32("cls.predictions.transform.dense.weight", {kHidden, kHidden}, weight),
                                          f32("cls.predictions.transform.layer_norm.weight", {kHidden}, gain),
                                          f32("cls.predictions.transform.layer_norm.bias", {kHidden}, shift)};
    for (const loaders::TensorView& tensor : stored.tensors()) {
      ASSERT_EQ(tensor.dtype_name, "F32");
      std::vector<float> values(tensor.data.size() / sizeof(float));
      std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
      if (tensor.name == "embeddings.word_embeddings.weight") table = values;
      tensors.push_back(f32(tensor.name, tensor.shape, values));
    }
    std::ofstream(edited.directory() / "new") << safetensors(tensors);
  }
  std::filesystem::rename(edited.directory() / "new", edited.directory() / "model.safetensors");
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

TEST(Architectures, DebertaTakesWhatHasNoEffect) {
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

TEST(Architectures, GteReadsRopeParameters) {
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

// Its class has a matrix "classifier" where others have "qa_outputs".
TEST(Architectures, ModernBertAnswersByItsClassifier) {
  const ModelConfig config = config_of("modernbert-tokencls", [](Json& json) { json["architectures"] = Json::array({"ModernBertForQuestionAnswering"}); });
  EXPECT_EQ(config.head.kind, engine::HeadKind::span);
  EXPECT_EQ(config.head.steps.back().name, "classifier");
}

TEST(Architectures, TheTwoFormsOfJinaBertAreToldApartByTheirTensors) {
  EXPECT_TRUE(config_of("jina-bert", [](Json&) {}).body.names.query_norm.empty());
  EXPECT_FALSE(config_of("jina-bert-qk-post-norm", [](Json&) {}).body.names.query_norm.empty());
  EXPECT_EQ(config_of("jina-bert", [](Json&) {}).relative_bias, engine::RelativeBias::alibi);
  EXPECT_EQ(config_of("jina-bert", [](Json& json) { json["feed_forward_type"] = "original"; }).body.gate, engine::Gate::none);
}

// A base model's directory keeps the class it was trained as, often without that head.
TEST(Architectures, AMaskedLanguageModelHeadMayBeAbsent) {
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
TEST(Architectures, WithoutAClassTheTensorsNameTheHead) {
  const auto head = [](const std::string& name) { return config_of(name.c_str(), [](Json& json) { json.erase("architectures"); }).head.kind; };
  for (const std::string name : {"bert", "deberta-v2", "distilbert", "electra", "roberta"}) {
    EXPECT_EQ(head(name), engine::HeadKind::none) << name;
    EXPECT_EQ(head(name + "-seqcls"), engine::HeadKind::sequence_classifier) << name;
    EXPECT_EQ(head(name + "-tokencls"), engine::HeadKind::token_classifier) << name;
  }
  for (const std::string name : {"bert-qa", "distilbert-qa"}) EXPECT_EQ(head(name), engine::HeadKind::span) << name;
  EXPECT_EQ(head("electra-discriminator"), engine::HeadKind::none) << "a body that was trained so";
}

TEST(Architectures, UntiedDecodersAreReadFromTheFile) {
  EXPECT_TRUE(config_of("roberta-mlm", [](Json&) {}).head.decoder.empty());
  const Edited edited("roberta-mlm", [](Json& json) { json["tie_word_embeddings"] = false; });
  expect_error(ErrorCode::corrupt_file, {"lm_head.decoder.weight", "missing"}, [&] { engine::Model::load(edited.directory().string(), {.threads = 1}); });
}

TEST(Architectures, MissingTensorsOfEveryKindAreNamed) {
  const auto expect_missing = [](const char* name, const std::function<void(Json&)>& edit, const char* tensor) {
    const Edited edited(name, edit);
    expect_error(ErrorCode::corrupt_file, {tensor, "missing"}, [&] { engine::Model::load(edited.directory().string(), {.threads = 1}); });
  };
  expect_missing(
      "modernbert", [](Json& json) { json["norm_bias"] = true; }, "embeddings.norm.bias");
  expect_missing(
      "modernbert", [](Json& json) { json["attention_bias"] = true; }, "layers.1.attn.Wqkv.bias");
  expect_missing(
      "modernbert", [](Json& json) { json["mlp_bias"] = true; }, "layers.1.mlp.Wi.bias");
  expect_missing(
      "deberta-v2", [](Json& json) { json["share_att_key"] = false; }, "encoder.layer.1.attention.self.pos_key_proj.weight");
  expect_missing(
      "deberta-v2", [](Json& json) { json["conv_kernel_size"] = 3; }, "encoder.conv.conv.weight");
  expect_missing(
      "deberta-v2-nobuckets", [](Json& json) { json["norm_rel_ebd"] = "layer_norm"; }, "encoder.LayerNorm.weight");
  expect_missing(
      "gte-new", [](Json& json) { json["pack_qkv"] = false; }, "encoder.layer.0.attention.q_proj.weight");
  expect_missing(
      "bert", [](Json& json) { json["architectures"] = Json::array({"BertForTokenClassification"}); }, "classifier.weight");
}

// Rows may not be longer than what positions there are, whatever the architecture.
TEST(Architectures, RowsThatAreTooLongAreRefused) {
  for (const char* name : {"roberta", "mpnet", "modernbert", "jina-bert", "deberta-v2", "nomic-bert", "gte-new", "albert", "electra"}) {
    const auto model = engine::Model::load(reference(name).string(), {.threads = 1});
    const std::size_t most = model->config().max_positions;
    const auto encode = [&](std::size_t length) {
      const std::vector<std::int32_t> ids(length, 5);
      const berth_input input = ids_input(ids);
      std::vector<float> out(model->embedding_size());
      model->encode({&input, 1}, {}, out.data(), nullptr, nullptr);
    };
    EXPECT_NO_THROW(encode(most)) << name;
    expect_error(ErrorCode::too_long, {"input 0", std::to_string(most + 1)}, [&] { encode(most + 1); });
  }
}

}  // namespace
}  // namespace berth::test
