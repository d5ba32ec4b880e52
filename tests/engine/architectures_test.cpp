// What config.json says, architecture by architecture: what is read, and that what is not known is refused by file, field and value.
#include "engine/architecture.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "tests/engine/edited_case.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/support/documentation.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;
using base::Json;
using engine::ModelConfig;

TEST(Architectures, AreListedOnceAndWithoutMistakes) {
  std::set<std::string> names;
  for (const engine::ArchitectureSpec* spec : engine::architectures()) {
    EXPECT_FALSE(spec->prefixes.empty());
    EXPECT_FALSE(spec->body.names.word_embeddings.empty());
    names.emplace(spec->model_type);
  }
  EXPECT_EQ(names, (std::set<std::string>{"albert",     "bart",     "bert",  "camembert", "data2vec-text", "deberta", "deberta-v2",
                                          "distilbert", "electra",  "ernie", "eurobert",  "gemma3_text",   "gte",     "jina_embeddings_v3",
                                          "modernbert", "mpnet",    "mt5",   "new",       "nomic_bert",    "qwen2",   "qwen3",
                                          "roberta",    "roformer", "t5",    "umt5",      "xlm-roberta"}));
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
    std::string when;
    if (spec->position_types.size() == 1 && spec->position_types.front() != "absolute")
      when = ", `position_embedding_type` `" + std::string(spec->position_types.front()) + "`";
    if (!spec->marker_key.empty()) when += ", with `" + std::string(spec->marker_key) + "`";
    lines.insert("| `" + std::string(spec->model_type) + "`" + when + " | " + std::string(spec->summary) + " | " + list + " |\n");
  }
  std::string table = "| `model_type` | what is particular about it | tasks |\n|---|---|---|\n";
  for (const std::string& line : lines) table += line;
  return table;
}

// To write it anew after a change: BERTH_UPDATE_DOCS=1 engine_architectures_test.
TEST(Architectures, AreAllInTheDocumentation) { expect_documented("architectures.md", documentation()); }

TEST(Architectures, UnlistedModelTypesAreRefusedWithTheList) {
  for (const char* type : {"mbart", "gpt2", "llama", "deberta-v4", "xlnet", "roberta-prelayernorm", "modernbert-decoder", ""})
    expect_refused("bert", "model_type", type, {std::string("\"") + type + "\"", std::string(engine::supported_model_types())});
}

TEST(Architectures, UnknownValuesAreRefused) {
  expect_refused("bert", "hidden_act", "laplace", {"laplace", "gelu"});
  expect_refused("bert", "position_embedding_type", "rotary", {"rotary", "absolute, relative_key, relative_key_query, alibi"});
  expect_refused("roberta", "position_embedding_type", "alibi", {"absolute, relative_key, relative_key_query"});
  expect_refused("albert", "position_embedding_type", "relative_key", {"absolute"});
  expect_refused("roberta", "is_decoder", true, {"true"});
  for (const char* model : {"bert", "distilbert", "modernbert"}) expect_refused(model, "pruned_heads", Json{{"1", {0, 2}}}, {R"({"1":[0,2]})", "{}"});
  EXPECT_NO_THROW(config_of("bert", [](Json& json) { json["pruned_heads"] = {{"0", Json::array()}, {"1", Json::array()}}; })) << "which takes none out";
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
  expect_refused("jina-bert", "feed_forward_type", "swiglu", {"swiglu", "geglu"});
  expect_refused("jina-bert-qk-post-norm", "feed_forward_type", "original", {"original"});
  expect_refused("deberta-seqcls", "talking_head", true, {"true", "false"});
  for (const char* types : {"c2p|p2p", "none", ""}) expect_refused("deberta-seqcls", "pos_att_type", types, {"c2p, p2c"});
  expect_refused("roformer-mlm", "num_attention_heads", 32, {"pairs"}, ErrorCode::corrupt_file);
  expect_refused("ernie-seqcls", "task_type_vocab_size", 0, {"0"}, ErrorCode::corrupt_file);
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

// vocab.json and merges.txt as those of GPT-2, between tokens of its own.
TEST(Architectures, DebertasVocabulary) {
  const Edited edited("deberta-seqcls", [](Json&) {});
  std::ofstream(edited.directory() / "vocab.json") << R"({"[PAD]":0,"[CLS]":1,"[SEP]":2,"[UNK]":3,"a":4,"b":5,"Ġ":6,"Ġb":7,"[MASK]":8})";
  std::ofstream(edited.directory() / "merges.txt") << "#version: 0.2\nĠ b\n";
  const auto model = engine::Model::load(edited.directory().string(), {.threads = 1});
  ASSERT_NE(model->tokenizer(), nullptr);
  const auto encoding = model->tokenizer()->encode("a b", "ba");
  EXPECT_EQ(encoding.ids, (std::vector<std::int32_t>{1, 4, 7, 2, 5, 4, 2}));
  EXPECT_EQ(encoding.type_ids, (std::vector<std::int32_t>{0, 0, 0, 0, 1, 1, 1}));
}

// Its own tokenizer takes words of Chinese out of a text by a dictionary; others it cuts as BERT's does.
TEST(Architectures, RoFormersVocabularyOfChineseWordsIsRefused) {
  const Edited edited("roformer-seqcls", [](Json&) {});
  const auto load_with = [&](const std::string& words) {
    std::ofstream(edited.directory() / "vocab.txt") << "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n" + words;
    engine::Model::load(edited.directory().string(), {.threads = 1});
  };
  EXPECT_NO_THROW(load_with("a\n中\n##国\n"));
  expect_error(ErrorCode::unsupported, {"\"中国\"", "jieba", "ids"}, [&] { load_with("中\n中国\n"); });
}

TEST(Architectures, ActivationsByEveryName) {
  using kernels::Activation;
  for (const auto& [name, activation] :
       {std::pair{"gelu_python", Activation::gelu}, std::pair{"gelu_accurate", Activation::gelu_tanh}, std::pair{"swish", Activation::silu},
        std::pair{"relu6", Activation::relu6}, std::pair{"leaky_relu", Activation::leaky_relu}, std::pair{"mish", Activation::mish},
        std::pair{"linear", Activation::none}})
    EXPECT_EQ(config_of("bert", [name = name](Json& json) { json["hidden_act"] = name; }).activation, activation) << name;
  EXPECT_EQ(config_of("albert", [](Json& json) { json.erase("hidden_act"); }).activation, Activation::gelu_tanh);
  EXPECT_EQ(config_of("bert", [](Json& json) { json.erase("hidden_act"); }).activation, Activation::gelu);
}

TEST(Architectures, TablesHaveTheirOwnSize) {
  EXPECT_EQ(config_of("electra", [](Json& json) { json.erase("embedding_size"); }).embedding_size, 128U);
  EXPECT_EQ(config_of("deberta-v2", [](Json&) {}).embedding_size, 32U);
  EXPECT_EQ(config_of("deberta-v2", [](Json& json) { json["embedding_size"] = 16; }).body.names.embedding_projection, "embeddings.embed_proj");
  EXPECT_TRUE(config_of("electra-tokencls", [](Json&) {}).body.names.embedding_projection.empty());
}

// Of a matrix that is taken apart and of the biases beside it.
TEST(Architectures, InterleavedHeadsThatAreMissingOrMisshapenAreNamed) {
  const auto expect_problem = [](const std::string& tensor, const std::vector<TensorToWrite>& instead, const std::vector<std::string>& fragments) {
    const Edited edited("deberta", [](Json&) {});
    edited.rewrite([&](const TensorToWrite& stored) { return stored.name == tensor ? instead : std::vector{stored}; });
    std::vector<std::string> all = fragments;
    all.push_back(tensor);
    expect_error(ErrorCode::corrupt_file, all, [&] { engine::Model::load(edited.directory().string(), {.threads = 1}); });
  };
  const std::string self = "encoder.layer.1.attention.self.";
  expect_problem(self + "in_proj.weight", {}, {"[96, 32]", "missing"});
  expect_problem(self + "in_proj.weight", {zeros(self + "in_proj.weight", {32, 96})}, {"[32, 96]", "[96, 32]"});
  for (const char* bias : {"q_bias", "v_bias"}) expect_problem(self + bias, {}, {"[32]", "missing"});
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
      "bert", [](Json& json) { json["position_embedding_type"] = "relative_key"; }, "encoder.layer.1.attention.self.distance_embedding.weight");
  expect_missing(
      "deberta", [](Json& json) { json["pos_att_type"] = "c2p"; }, "encoder.layer.1.attention.self.pos_proj.weight");
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
