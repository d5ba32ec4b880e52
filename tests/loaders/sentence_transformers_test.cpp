#include "loaders/sentence_transformers.hpp"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/torch_writer.hpp"

namespace berth::loaders {
namespace {

using base::ErrorCode;
using test::expect_error;
using test::safetensors;
using test::TempDirectory;
using test::zeros;
using Modes = std::vector<PoolingMode>;

constexpr const char* kOldTransformer = "sentence_transformers.models.Transformer";
constexpr const char* kOldPooling = "sentence_transformers.models.Pooling";
constexpr const char* kNewTransformer = "sentence_transformers.base.modules.transformer.Transformer";
constexpr const char* kNewPooling = "sentence_transformers.sentence_transformer.modules.pooling.Pooling";

// A sentence-transformers directory of 4-wide token vectors, mean-pooled; tests change what they are about.
struct Directory : testing::Test {
  TempDirectory files;

  void SetUp() override {
    files.write("config.json", R"({"model_type":"bert"})");
    modules({{"", kOldTransformer}, {"1_Pooling", kOldPooling}});
    pooling(R"({"word_embedding_dimension":4,"pooling_mode_mean_tokens":true})");
  }
  void modules(const std::vector<std::pair<std::string, std::string>>& list) {
    std::string text = "[";
    for (std::size_t i = 0; i < list.size(); ++i) {
      text += (i == 0 ? "" : ",") + ("{\"idx\":" + std::to_string(i)) + ",\"name\":\"" + std::to_string(i) + "\",\"path\":\"" + list[i].first +
              "\",\"type\":\"" + list[i].second + "\"}";
    }
    files.write("modules.json", text + "]");
  }
  void pooling(const std::string& config) { files.write("1_Pooling/config.json", config); }
  void with_dense(const std::string& config, const std::vector<test::TensorToWrite>& tensors) {
    modules({{"", kOldTransformer}, {"1_Pooling", kOldPooling}, {"2_Dense", "sentence_transformers.models.Dense"}});
    files.write("2_Dense/config.json", config);
    files.write("2_Dense/model.safetensors", safetensors(tensors));
  }
  ModelDirectory open() { return ModelDirectory::open(files.path()); }
  SentenceTransformersSpec spec() { return *open().sentence_transformers; }
  void rejects(ErrorCode code, const std::vector<std::string>& fragments) {
    expect_error(code, fragments, [&] { open(); });
  }
};

// ---- modules.json ----

TEST_F(Directory, TheFirstGeneration) {
  modules({{"", kOldTransformer}, {"1_Pooling", kOldPooling}, {"2_Normalize", "sentence_transformers.models.Normalize"}});
  files.write("sentence_bert_config.json", R"({"max_seq_length": 256, "do_lower_case": true})");
  const auto found = spec();
  ASSERT_EQ(found.modules.size(), 3U);
  EXPECT_EQ(found.modules[0].type, ModuleType::transformer);
  EXPECT_EQ(found.modules[1].type, ModuleType::pooling);
  EXPECT_EQ(found.modules[1].path, "1_Pooling");
  EXPECT_EQ(found.modules[2].type, ModuleType::normalize);
  EXPECT_EQ(found.generation, Generation::first);
  EXPECT_EQ(found.max_seq_length, 256U);
  EXPECT_TRUE(found.do_lower_case);
  EXPECT_EQ(found.similarity, "cosine");
}

TEST_F(Directory, TheSecondGeneration) {
  modules({{"", kNewTransformer}, {"1_Pooling", kNewPooling}, {"2_Normalize", "sentence_transformers.base.modules.normalize.Normalize"}});
  pooling(R"({"embedding_dimension":4,"pooling_mode":"cls","include_prompt":false})");
  files.write("sentence_bert_config.json",
              R"({"transformer_task":"feature-extraction","modality_config":{"text":{"method":"forward"}},"module_output_name":"token_embeddings"})");
  files.write("2_Normalize/config.json", R"({"module_input_name":"sentence_embedding"})");
  const auto found = spec();
  EXPECT_EQ(found.generation, Generation::second);
  EXPECT_FALSE(found.max_seq_length.has_value());
  EXPECT_FALSE(found.do_lower_case);
  EXPECT_EQ(found.modules[1].pooling.modes, Modes{PoolingMode::cls});
  EXPECT_FALSE(found.modules[1].pooling.include_prompt);
  EXPECT_EQ(found.modules[1].pooling.embedding_dimension, 4U);
  ASSERT_EQ(found.modules.size(), 3U);
  EXPECT_EQ(found.modules[2].type, ModuleType::normalize);
}

TEST_F(Directory, TheTransformerMayLieInAFolder) {
  modules({{"0_Transformer", kOldTransformer}, {"1_Pooling", kOldPooling}});
  files.write("0_Transformer/config.json", R"({"model_type":"mpnet"})");
  files.write("0_Transformer/sentence_bert_config.json", R"({"max_seq_length": 48})");
  const auto model = open();
  EXPECT_EQ(model.encoder, files / "0_Transformer");
  EXPECT_EQ(model.config["model_type"], "mpnet");
  EXPECT_EQ(model.sentence_transformers->max_seq_length, 48U);
}

TEST_F(Directory, OldClassesNamedTheirConfigThemselves) {
  for (const std::string kind : {"bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"}) {
    const std::string name = "sentence_" + kind + "_config.json";
    files.write(name, R"({"max_seq_length": 77, "do_lower_case": false})");
    EXPECT_EQ(spec().max_seq_length, 77U) << name;
    std::filesystem::remove(files / name);
  }
  files.write("sentence_roberta_config.json", R"({"max_seq_length": 5})");
  files.write("sentence_bert_config.json", R"({"max_seq_length": null})");
  EXPECT_FALSE(spec().max_seq_length.has_value()) << "the first of the names counts, and null is no limit";
}

TEST_F(Directory, BadMaxSeqLength) {
  for (const char* value : {"0", "-1", "1e3", "512.0", "\"512\"", "99999999999999999999", "true"}) {
    files.write("sentence_bert_config.json", std::string("{\"max_seq_length\": ") + value + "}");
    rejects(ErrorCode::corrupt_file, {"sentence_bert_config.json", "\"max_seq_length\""});
  }
}

TEST_F(Directory, ATransformerThatHandsOnAnotherOutputIsRefused) {
  const auto config = [&](const std::string& task, const std::string& output, const std::string& feature) {
    files.write("sentence_bert_config.json", R"({"transformer_task":")" + task + R"(","modality_config":{"text":{"method":"forward","method_output_name":")" +
                                                 output + R"("},"message":{"method":"other"}},"module_output_name":")" + feature + R"("})");
  };
  const auto bad = [&](const std::string& task, const std::string& output, const std::string& feature, const std::vector<std::string>& fragments) {
    config(task, output, feature);
    std::vector<std::string> all = fragments;
    all.emplace_back("sentence_bert_config.json");
    rejects(ErrorCode::unsupported, all);
  };
  modules({{"", kNewTransformer}, {"1_Pooling", kNewPooling}});
  config("feature-extraction", "last_hidden_state", "token_embeddings");
  EXPECT_EQ(spec().modules.size(), 2U);
  bad("feature-extraction", "pooler_output", "token_embeddings", {"\"modality_config.text.method_output_name\"", "\"pooler_output\"", "\"last_hidden_state\""});
  bad("feature-extraction", "last_hidden_state", "sentence_embedding", {"\"module_output_name\"", "\"sentence_embedding\"", "\"token_embeddings\""});
  bad("fill-mask", "logits", "token_embeddings", {"\"transformer_task\"", "\"fill-mask\"", "\"feature-extraction\""});
  files.write("sentence_bert_config.json", R"({"modality_config":{"text":{"method":"get_text_features"}}})");
  rejects(ErrorCode::unsupported, {"\"modality_config.text.method\"", "\"get_text_features\"", "\"forward\""});
  files.write("sentence_bert_config.json", R"({"modality_config":{"image":{"method":"forward"}}})");
  rejects(ErrorCode::corrupt_file, {"\"modality_config.text\"", "missing"});

  modules({{"", kNewTransformer}, {"1_Splade", "sentence_transformers.sparse_encoder.modules.splade_pooling.SpladePooling"}});
  files.write("1_Splade/config.json", R"({"pooling_strategy":"max"})");
  config("fill-mask", "logits", "token_embeddings");
  EXPECT_TRUE(spec().splade.has_value());
  bad("feature-extraction", "last_hidden_state", "token_embeddings", {"\"transformer_task\"", "\"feature-extraction\"", "\"fill-mask\""});

  files.write("config_sentence_transformers.json", R"({"model_type":"CrossEncoder"})");
  modules({{"", kNewTransformer}});
  config("sequence-classification", "logits", "scores");
  EXPECT_FALSE(open().sentence_transformers.has_value());
  bad("text-generation", "logits", "causal_logits", {"\"transformer_task\"", "\"text-generation\"", "\"sequence-classification\""});
}

TEST_F(Directory, UnknownModulesAreRefusedByNameAllAtOnce) {
  modules(
      {{"", kOldTransformer}, {"1_Pooling", kOldPooling}, {"2_CNN", "sentence_transformers.models.CNN"}, {"3", "sentence_transformers.models.WordWeights"}});
  rejects(ErrorCode::unsupported, {"modules.json", "2 problems", "\"[2].type\"", "sentence_transformers.models.CNN", "WordWeights",
                                   "Transformer, MLMTransformer, Pooling, Dense, LayerNorm, Normalize"});
  for (const char* type : {"custom_st.Transformer", "Transformer", "sentence_transformers.models.Pooling2", "", "sentence_transformers.models.", "os.system"}) {
    modules({{"", type}, {"1_Pooling", kOldPooling}});
    rejects(ErrorCode::unsupported, {"modules.json", "\"[0].type\"", std::string("\"") + type + "\""});
  }
}

TEST_F(Directory, ModulesInAnOrderThatCannotRun) {
  modules({{"1_Pooling", kOldPooling}, {"", kOldTransformer}});
  rejects(ErrorCode::unsupported, {"modules.json", "exactly one Transformer, StaticEmbedding or SparseStaticEmbedding, as the first"});
  modules({{"", kOldTransformer}, {"", kOldTransformer}, {"1_Pooling", kOldPooling}});
  rejects(ErrorCode::unsupported, {"exactly one Transformer"});
  modules({{"", kOldTransformer}});
  rejects(ErrorCode::unsupported, {"no Pooling"});
  modules({{"", kOldTransformer}, {"2_Normalize", "sentence_transformers.models.Normalize"}, {"1_Pooling", kOldPooling}});
  rejects(ErrorCode::unsupported, {"Normalize", "after Pooling only"});
  modules({{"", kOldTransformer}, {"1_Pooling", kOldPooling}, {"1_Pooling", kOldPooling}});
  rejects(ErrorCode::unsupported, {"second Pooling"});
  modules({{"", kOldTransformer}, {"1_Pooling", kOldPooling}, {"2_Splade", "sentence_transformers.sparse_encoder.models.SpladePooling"}});
  rejects(ErrorCode::unsupported, {"SpladePooling", "SparseEncoder"});
  modules({{"", "sentence_transformers.models.StaticEmbedding"}, {"1_Pooling", kOldPooling}});
  rejects(ErrorCode::unsupported, {"second Pooling"});
}

TEST_F(Directory, APoolingForAnotherOutputIsLeftOut) {
  modules({{"", kOldTransformer}, {"1_Pooling", kOldPooling}, {"2_Pooling", kOldPooling}, {"3_Dropout", "sentence_transformers.models.Dropout"}});
  pooling(R"({"pooling_mode_cls_token":true,"output_key":"sentence_embedding"})");
  files.write("2_Pooling/config.json", R"({"pooling_mode_mean_tokens":true,"output_key":"query_embedding"})");
  const auto found = spec();
  ASSERT_EQ(found.modules.size(), 2U);
  EXPECT_EQ(found.modules[1].pooling.modes, Modes{PoolingMode::cls});
}

TEST_F(Directory, MalformedModuleLists) {
  const auto bad = [&](const std::string& text, std::vector<std::string> fragments) {
    files.write("modules.json", text);
    fragments.push_back("modules.json: ");
    rejects(ErrorCode::corrupt_file, fragments);
  };
  bad("", {"empty"});
  bad("{}", {"expected an array", "an object"});
  bad("[]", {"no modules"});
  bad("[5]", {"[0]", "expected a JSON object", "got 5"});
  bad(R"([{"path":""}])", {"\"[0].type\"", "missing"});
  bad(R"([{"type":"sentence_transformers.models.Transformer"}])", {"\"[0].path\"", "missing"});
  bad(R"([{"path":null,"type":"sentence_transformers.models.Transformer"}])", {"\"[0].path\"", "expected a string"});
  bad(R"([{"path":7,"type":"x"}])", {"\"[0].path\"", "got 7"});
  bad(R"([{"path":"","path":"1","type":"x"}])", {"\"path\"", "twice"});
  for (const char* path : {"..", "../other", "/etc", "a/../..", "./1_Pooling", "a\\\\b", "1_Pooling\\u0000"}) {
    bad(std::string(R"([{"path":")") + path + R"(","type":"sentence_transformers.models.Transformer"}])", {"field \"[0].path\"", "the name \""});
  }
  std::string many = "[";
  for (int i = 0; i < 65; ++i) many += std::string(i == 0 ? "" : ",") + "{}";
  bad(many + "]", {"65 modules", "limit is 64"});
}

TEST_F(Directory, AMissingModuleFolder) {
  modules({{"", kOldTransformer}, {"9_Pooling", kOldPooling}});
  rejects(ErrorCode::not_found, {"9_Pooling/config.json", "No such file"});
  modules({{"0_Transformer", kOldTransformer}, {"1_Pooling", kOldPooling}});
  rejects(ErrorCode::not_found, {"0_Transformer/config.json"});
}

// ---- Pooling ----

TEST_F(Directory, FlagsConcatenateInAFixedOrder) {
  pooling(R"({"pooling_mode_lasttoken":true,"pooling_mode_weightedmean_tokens":true,"pooling_mode_mean_sqrt_len_tokens":true,)"
          R"("pooling_mode_mean_tokens":true,"pooling_mode_max_tokens":true,"pooling_mode_cls_token":true})");
  EXPECT_EQ(spec().modules[1].pooling.modes,
            (Modes{PoolingMode::cls, PoolingMode::max, PoolingMode::mean, PoolingMode::mean_sqrt_len, PoolingMode::weighted_mean, PoolingMode::last_token}));
}

TEST_F(Directory, EachModeByFlagAndByName) {
  const std::tuple<PoolingMode, const char*, const char*> modes[] = {{PoolingMode::cls, "cls", "pooling_mode_cls_token"},
                                                                     {PoolingMode::max, "max", "pooling_mode_max_tokens"},
                                                                     {PoolingMode::mean, "mean", "pooling_mode_mean_tokens"},
                                                                     {PoolingMode::mean_sqrt_len, "mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"},
                                                                     {PoolingMode::weighted_mean, "weightedmean", "pooling_mode_weightedmean_tokens"},
                                                                     {PoolingMode::last_token, "lasttoken", "pooling_mode_lasttoken"}};
  for (const auto& [mode, text, flag] : modes) {
    EXPECT_EQ(name(mode), text);
    pooling(std::string("{\"") + flag + "\":true}");
    EXPECT_EQ(spec().modules[1].pooling.modes, Modes{mode});
    pooling(std::string("{\"pooling_mode\":\"") + text + "\"}");
    EXPECT_EQ(spec().modules[1].pooling.modes, Modes{mode});
    pooling(std::string("{\"pooling_mode\":[\"") + text + "\"]}");
    EXPECT_EQ(spec().modules[1].pooling.modes, Modes{mode});
  }
}

TEST_F(Directory, AListConcatenatesInItsOwnOrder) {
  pooling(R"({"embedding_dimension":4,"pooling_mode":["mean","cls","max"],"include_prompt":true})");
  EXPECT_EQ(spec().modules[1].pooling.modes, (Modes{PoolingMode::mean, PoolingMode::cls, PoolingMode::max}));
}

TEST_F(Directory, TheShortConfigOfOlderReleases) {
  pooling(R"({"word_embedding_dimension":4,"pooling_mode_cls_token":false,"pooling_mode_mean_tokens":true,)"
          R"("pooling_mode_max_tokens":false,"pooling_mode_mean_sqrt_len_tokens":false})");
  EXPECT_EQ(spec().modules[1].pooling.modes, Modes{PoolingMode::mean});
  EXPECT_TRUE(spec().modules[1].pooling.include_prompt);
}

TEST_F(Directory, UnknownPoolingIsRefusedByName) {
  const auto bad = [&](const std::string& config, ErrorCode code, std::vector<std::string> fragments) {
    pooling(config);
    fragments.push_back("1_Pooling/config.json: ");
    rejects(code, fragments);
  };
  bad(R"({"pooling_mode":"attention"})", ErrorCode::unsupported, {"\"pooling_mode\"", "\"attention\"", "cls, max, mean"});
  bad(R"({"pooling_mode":["mean","splade"]})", ErrorCode::unsupported, {"\"splade\""});
  bad(R"({"pooling_mode_mean_tokens":true,"pooling_mode_attention":true})", ErrorCode::unsupported, {"pooling_mode_attention"});
  bad(R"({"pooling_mode":5})", ErrorCode::corrupt_file, {"\"pooling_mode\"", "got 5"});
  bad(R"({"pooling_mode":[5]})", ErrorCode::corrupt_file, {"\"pooling_mode\""});
  bad(R"({"pooling_mode":[]})", ErrorCode::corrupt_file, {"\"pooling_mode\"", "at least one"});
  bad(R"({"pooling_mode":["cls","cls"]})", ErrorCode::corrupt_file, {"\"cls\" twice"});
  bad(R"({"pooling_mode_mean_tokens":"yes"})", ErrorCode::corrupt_file, {"\"pooling_mode_mean_tokens\"", "got \"yes\""});
  bad(R"({"pooling_mode_mean_tokens":false})", ErrorCode::corrupt_file, {"states no pooling"});
  bad(R"({"embedding_dimension":4})", ErrorCode::corrupt_file, {"states no pooling"});
  bad(R"({"pooling_mode":"cls","embedding_dimension":0})", ErrorCode::corrupt_file, {"\"embedding_dimension\"", "got 0"});
  bad("[]", ErrorCode::corrupt_file, {"expected a JSON object"});
}

// ---- Dense and Normalize ----

constexpr const char* kDense = R"({"in_features":4,"out_features":3,"bias":true,"activation_function":"torch.nn.modules.activation.Tanh"})";

TEST_F(Directory, DenseBringsItsTensors) {
  with_dense(kDense, {zeros("linear.weight", {3, 4}), zeros("linear.bias", {3})});
  const DenseSpec dense = spec().modules[2].dense;
  EXPECT_EQ(dense.in_features, 4U);
  EXPECT_EQ(dense.out_features, 3U);
  EXPECT_TRUE(dense.bias);
  EXPECT_EQ(dense.activation, "Tanh");
  EXPECT_EQ(dense.tensors->find("linear.weight")->elements(), 12U);
  with_dense(R"({"in_features":4,"out_features":3,"bias":false,"activation_function":"torch.nn.modules.linear.Identity"})", {zeros("linear.weight", {3, 4})});
  EXPECT_EQ(spec().modules[2].dense.activation, "Identity");
}

TEST_F(Directory, DenseTensorsAreCheckedTogether) {
  with_dense(kDense, {zeros("linear.weight", {4, 3})});
  rejects(ErrorCode::corrupt_file,
          {"2_Dense/model.safetensors", "2 problems", "\"linear.weight\": expected shape [3, 4], got [4, 3]", "\"linear.bias\" [3] is missing"});
}

TEST_F(Directory, DenseOfPyTorch) {
  with_dense(kDense, {});
  std::filesystem::remove(files / "2_Dense/model.safetensors");
  const std::string weight(48, '\0'), bias(12, '\0');
  files.write("2_Dense/pytorch_model.bin",
              test::torch_checkpoint({{"linear.weight", "FloatStorage", "0", 12, 0, {3, 4}, {4, 1}}, {"linear.bias", "FloatStorage", "1", 3, 0, {3}, {1}}},
                                     {{"0", weight}, {"1", bias}}));
  EXPECT_EQ(spec().modules[2].dense.activation, "Tanh");
  files.write("2_Dense/pytorch_model.bin", "x");
  rejects(ErrorCode::corrupt_file, {"2_Dense/pytorch_model.bin", "not a PyTorch checkpoint"});
}

TEST_F(Directory, DenseSizesMustFollowThePooling) {
  pooling(R"({"word_embedding_dimension":4,"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":true})");
  with_dense(kDense, {zeros("linear.weight", {3, 4}), zeros("linear.bias", {3})});
  rejects(ErrorCode::corrupt_file, {"2_Dense/config.json", "\"in_features\"", "expected 8", "got 4"});
}

TEST_F(Directory, DenseThatBerthCannotRun) {
  const auto bad = [&](const std::string& extra, ErrorCode code, const std::vector<std::string>& fragments) {
    with_dense(R"({"in_features":4,"out_features":3,"bias":false,)" + extra + "}", {zeros("linear.weight", {3, 4})});
    rejects(code, fragments);
  };
  bad(R"("activation_function":"evil.Tanh")", ErrorCode::unsupported, {"\"activation_function\"", "evil.Tanh", "torch.nn"});
  bad(R"("activation_function":5)", ErrorCode::corrupt_file, {"\"activation_function\"", "got 5"});
  bad(R"("use_residual":true)", ErrorCode::unsupported, {"use_residual"});
  bad(R"("module_input_name":"token_embeddings")", ErrorCode::unsupported, {"\"module_input_name\"", "token_embeddings"});
  with_dense(R"({"in_features":0,"out_features":3})", {});
  rejects(ErrorCode::corrupt_file, {"\"in_features\"", "got 0"});
  with_dense(R"({"in_features":4})", {});
  rejects(ErrorCode::corrupt_file, {"\"out_features\"", "missing"});
}

TEST_F(Directory, LayerNorm) {
  const auto with_norm = [&](const std::string& config, const std::vector<test::TensorToWrite>& tensors) {
    modules({{"", kOldTransformer}, {"1_Pooling", kOldPooling}, {"2_LayerNorm", "sentence_transformers.models.LayerNorm"}});
    files.write("2_LayerNorm/config.json", config);
    files.write("2_LayerNorm/model.safetensors", safetensors(tensors));
  };
  with_norm(R"({"dimension":4})", {zeros("norm.weight", {4}), zeros("norm.bias", {4})});
  EXPECT_EQ(spec().modules[2].type, ModuleType::layer_norm);
  EXPECT_EQ(spec().modules[2].layer_norm.dimension, 4U);
  with_norm(R"({"dimension":4})", {zeros("norm.weight", {5})});
  rejects(ErrorCode::corrupt_file, {"2_LayerNorm/model.safetensors", "expected shape [4], got [5]", "\"norm.bias\" [4] is missing"});
  pooling(R"({"word_embedding_dimension":8,"pooling_mode_mean_tokens":true})");
  with_norm(R"({"dimension":4})", {zeros("norm.weight", {4}), zeros("norm.bias", {4})});
  rejects(ErrorCode::corrupt_file, {"2_LayerNorm/config.json", "\"dimension\"", "expected 8", "got 4"});
  with_norm(R"({"dimension":4,"module_input_name":"token_embeddings"})", {zeros("norm.weight", {4}), zeros("norm.bias", {4})});
  rejects(ErrorCode::unsupported, {"\"module_input_name\"", "token_embeddings"});
}

TEST_F(Directory, NormalizeOfSomethingElse) {
  modules({{"", kNewTransformer}, {"1_Pooling", kNewPooling}, {"2_Normalize", "sentence_transformers.base.modules.normalize.Normalize"}});
  files.write("2_Normalize/config.json", R"({"module_input_name":"token_embeddings"})");
  rejects(ErrorCode::unsupported, {"2_Normalize/config.json", "\"module_input_name\"", "token_embeddings"});
}

// ---- config_sentence_transformers.json ----

TEST_F(Directory, PromptsAndSimilarity) {
  files.write("config_sentence_transformers.json", R"({"__version__":{"sentence_transformers":"3.0.1"},"prompts":{"query":"query: ","document":""},)"
                                                   R"("default_prompt_name":"query","similarity_fn_name":"dot"})");
  const auto found = spec();
  EXPECT_EQ(found.prompts, (std::map<std::string, std::string>{{"query", "query: "}, {"document", ""}}));
  EXPECT_EQ(found.default_prompt_name, "query");
  EXPECT_EQ(found.similarity, "dot");
  files.write("config_sentence_transformers.json", R"({"prompts":null,"default_prompt_name":null,"similarity_fn_name":null})");
  EXPECT_EQ(spec().similarity, "cosine");
  EXPECT_FALSE(spec().default_prompt_name.has_value());
}

TEST_F(Directory, BadModelConfigs) {
  const auto bad = [&](const std::string& text, ErrorCode code, std::vector<std::string> fragments) {
    files.write("config_sentence_transformers.json", text);
    fragments.push_back("config_sentence_transformers.json: ");
    rejects(code, fragments);
  };
  bad(R"({"prompts":[]})", ErrorCode::corrupt_file, {"\"prompts\""});
  bad(R"({"prompts":{"query":5}})", ErrorCode::corrupt_file, {"\"prompts.query\"", "got 5"});
  bad(R"({"prompts":{"a":""},"default_prompt_name":"b"})", ErrorCode::corrupt_file, {"\"default_prompt_name\"", "got \"b\""});
  bad(R"({"similarity_fn_name":"hamming"})", ErrorCode::unsupported, {"\"hamming\"", "cosine, dot"});
  bad(R"({"model_type":"WordEncoder"})", ErrorCode::unsupported, {"\"model_type\"", "WordEncoder", "SparseEncoder"});
  bad(R"({"truncate_dim":0})", ErrorCode::corrupt_file, {"\"truncate_dim\"", "0"});
}

TEST_F(Directory, ACrossEncoderIsAClassifierAndHasNoSentenceModules) {
  files.write("config_sentence_transformers.json", R"({"model_type":"CrossEncoder","activation_fn":"torch.nn.modules.linear.Identity"})");
  modules({{"", kNewTransformer}});
  EXPECT_FALSE(open().sentence_transformers.has_value());
  EXPECT_EQ(open().config["model_type"], "bert");
}

}  // namespace
}  // namespace berth::loaders
