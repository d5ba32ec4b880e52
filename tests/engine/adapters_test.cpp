// Adapters against weights that they were added to by hand, and the names of jinaai's XLM-RoBERTa, whose files have theirs among the weights.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/model.hpp"
#include "tests/engine/edited_case.hpp"
#include "tests/engine/inputs.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;
using base::Json;
using Tensors = std::vector<TensorToWrite>;

void keep(Json&) {}

std::vector<float> floats(const TensorToWrite& tensor) {
  std::vector<float> values(tensor.data.size() / sizeof(float));
  std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  return values;
}

// Numbers between -size and size, of a row of their own for each seed.
TensorToWrite numbers(const std::string& name, std::vector<std::uint64_t> shape, std::uint64_t seed, float size = 0.3F) {
  std::uint64_t count = 1, state = seed * 7919 + 1;
  for (const std::uint64_t dimension : shape) count *= dimension;
  std::vector<float> values;
  for (std::uint64_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    values.push_back(size * (static_cast<float>(state >> 40) / 8388608.0F - 1.0F));
  }
  return f32(name, std::move(shape), values);
}

// matrix + scale * b a in double; b [rows, rank], a [rank, columns].
TensorToWrite sum(const TensorToWrite& matrix, const TensorToWrite& b, const TensorToWrite& a, double scale) {
  std::vector<float> values = floats(matrix);
  const std::vector<float> left = floats(b), right = floats(a);
  const std::size_t rank = a.shape[0], columns = a.shape[1];
  for (std::size_t i = 0; i < values.size(); ++i) {
    double total = static_cast<double>(values[i]);
    for (std::size_t k = 0; k < rank; ++k)
      total += scale * static_cast<double>(left[i / columns * rank + k]) * static_cast<double>(right[k * columns + i % columns]);
    values[i] = static_cast<float>(total);
  }
  return f32(matrix.name, matrix.shape, values);
}

TensorToWrite transposed(const TensorToWrite& matrix) {
  const std::vector<float> values = floats(matrix);
  std::vector<float> turned(values.size());
  const std::size_t rows = matrix.shape[0], columns = matrix.shape[1];
  for (std::size_t i = 0; i < values.size(); ++i) turned[i % columns * rows + i / columns] = values[i];
  return f32(matrix.name, {columns, rows}, turned);
}

std::vector<float> run(const std::filesystem::path& directory, const std::string& adapter = "", const std::string& precision = "fp32", int threads = 1) {
  const auto model = engine::Model::load(directory.string(), {.threads = threads, .precision = precision, .adapter = adapter});
  std::vector<float> all;
  const ReferenceCase original(reference("bert"));
  for (const ReferenceInputs& set : original.input_sets()) {
    std::vector<berth_input> inputs = set.inputs();
    if (model->config().type_vocab_size == 1)
      for (berth_input& input : inputs) input.type_ids = {};
    const std::vector<float> values = outputs(*model, inputs);
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0.0, scale = 1.0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    scale = std::max(scale, std::fabs(static_cast<double>(b[i])));
  }
  return largest / scale;
}

// An adapter of the case "bert", as PEFT saves one, and the same model with it added.
struct Peft : testing::Test {
  static constexpr std::uint64_t kRank = 3;
  static constexpr double kAlpha = 6.0;

  const Edited model{"bert", keep};
  const Edited merged{"bert", keep};
  TempDirectory files;
  Tensors stored;
  Json config = {{"peft_type", "LORA"},
                 {"lora_alpha", kAlpha},
                 {"r", kRank},
                 {"target_modules", Json::array({"query"})},
                 {"bias", "none"},
                 {"init_lora_weights", true},
                 {"use_dora", false},
                 {"alpha_pattern", Json::object()},
                 {"base_model_name_or_path", "someone/bert"}};

  std::filesystem::path directory() const { return files / "adapter"; }
  void write() const {
    std::filesystem::create_directories(directory());
    std::ofstream(directory() / "adapter_config.json") << config.dump();
    std::ofstream(directory() / "adapter_model.safetensors") << safetensors(stored);
  }
  // For the matrix, with the adapter's name for it being `prefix` + its own.
  void adapt(const std::string& name, const std::string& prefix, double scale = kAlpha / static_cast<double>(kRank)) {
    merged.rewrite([&](const TensorToWrite& tensor) -> Tensors {
      if (tensor.name != name + ".weight") return {tensor};
      const std::string wrapped = "base_model.model." + prefix + name;
      const bool table = name.find("embeddings") != std::string::npos;
      const TensorToWrite b = numbers(wrapped + (table ? ".lora_embedding_A" : ".lora_B.weight"), {tensor.shape[0], kRank}, stored.size() + 1);
      const TensorToWrite a = numbers(wrapped + (table ? ".lora_embedding_B" : ".lora_A.weight"), {kRank, tensor.shape[1]}, stored.size() + 2);
      stored.push_back(table ? transposed(b) : b);
      stored.push_back(table ? transposed(a) : a);
      return {sum(tensor, b, a, scale)};
    });
  }
  void expect_merged() const {
    write();
    const std::string adapter = directory().string();
    EXPECT_GT(difference(run(model.directory(), adapter), run(model.directory())), 0.01);
    EXPECT_LE(difference(run(model.directory(), adapter), run(merged.directory())), kReferenceTolerance);
    for (const char* precision : {"bf16", "int8"})
      EXPECT_GE(cosine(run(model.directory(), adapter, precision), run(merged.directory(), "", precision)), 0.9999) << precision;
    EXPECT_EQ(run(model.directory(), adapter, "int8", 3), run(model.directory(), adapter, "int8", 1));
  }
  void expect_refused(ErrorCode code, const std::vector<std::string>& fragments) const {
    write();
    expect_error(code, fragments, [&] { run(model.directory(), directory().string()); });
  }
};

TEST_F(Peft, IsAddedToMatricesAndTables) {
  for (const char* name : {"encoder.layer.0.attention.self.query", "encoder.layer.0.attention.self.value", "encoder.layer.1.output.dense",
                           "encoder.layer.1.intermediate.dense", "embeddings.word_embeddings", "embeddings.token_type_embeddings"})
    adapt(name, "");
  expect_merged();
}

TEST_F(Peft, OfAModelThatWasWrappedInAnother) {
  adapt("encoder.layer.0.attention.self.query", "bert.");
  adapt("embeddings.position_embeddings", "bert.");
  expect_merged();
}

TEST_F(Peft, DividesByTheRanksRootWhereItSaysSo) {
  config["use_rslora"] = true;
  adapt("encoder.layer.1.attention.output.dense", "", kAlpha / std::sqrt(static_cast<double>(kRank)));
  expect_merged();
}

TEST_F(Peft, TensorsOfItsOwnStandInForTheModels) {
  adapt("encoder.layer.0.attention.self.key", "");
  const TensorToWrite norm = numbers("encoder.layer.0.output.LayerNorm.weight", {48}, 5, 1.0F);
  merged.rewrite([&](const TensorToWrite& tensor) -> Tensors { return {tensor.name == norm.name ? norm : tensor}; });
  stored.push_back({"base_model.model." + norm.name, norm.dtype, norm.shape, norm.data});
  expect_merged();
}

TEST_F(Peft, InTheModelsOwnDirectoryUnderItsName) {
  adapt("encoder.layer.0.attention.self.query", "");
  write();
  std::filesystem::copy(directory(), model.directory() / "queries");
  EXPECT_EQ(run(model.directory(), "queries"), run(model.directory(), directory().string()));
  const auto loaded = engine::Model::load(model.directory().string(), {.threads = 1, .adapter = "queries"});
  EXPECT_EQ(Json::parse(loaded->info())["adapter"], "queries");
  EXPECT_NE(loaded->info().find("queries/adapter_model.safetensors"), std::string::npos);  // what it was made from
}

TEST_F(Peft, WhatIsMoreThanSumsIsRefused) {
  adapt("encoder.layer.0.attention.self.query", "");
  const Json plain = config;
  const std::vector<std::pair<const char*, Json>> wrong = {{"peft_type", "IA3"},
                                                           {"use_dora", true},
                                                           {"fan_in_fan_out", true},
                                                           {"alpha_pattern", {{"query", 3}}},
                                                           {"init_lora_weights", "pissa"},
                                                           {"layer_replication", Json::array({Json::array({0, 1})})},
                                                           {"lora_bias", true}};
  for (const auto& [key, value] : wrong) {
    config = plain;
    config[key] = value;
    expect_refused(ErrorCode::unsupported, {"adapter_config.json", key});
  }
  config = plain;
  config.erase("lora_alpha");
  expect_refused(ErrorCode::corrupt_file, {"adapter_config.json", "lora_alpha"});
}

TEST_F(Peft, WhatDoesNotFitIsNamed) {
  const std::string name = "base_model.model.encoder.layer.0.attention.self.query";
  stored = {numbers(name + ".lora_A.weight", {kRank, 48}, 1)};
  expect_refused(ErrorCode::corrupt_file, {"adapter_model.safetensors", "lora_A", "lora_B"});
  stored = {numbers(name + ".lora_B.weight", {48, kRank}, 1)};
  expect_refused(ErrorCode::corrupt_file, {"adapter_model.safetensors", "lora_B", "lora_A"});
  stored = {numbers(name + ".lora_A.weight", {kRank, 47}, 1), numbers(name + ".lora_B.weight", {48, kRank}, 1)};
  expect_refused(ErrorCode::corrupt_file, {"lora_A", "[3, 47]", "[48, 48]"});
  stored = {numbers(name + ".lora_A.weight", {0, 48}, 1), numbers(name + ".lora_B.weight", {48, 0}, 1)};
  expect_refused(ErrorCode::corrupt_file, {"lora_A", "[0, 48]"});
  stored = {numbers(name + ".lora_A.weight", {kRank}, 1), numbers(name + ".lora_B.weight", {48, kRank}, 1)};
  expect_refused(ErrorCode::corrupt_file, {"lora_A", "[3]"});
  stored = {numbers("base_model.model.classifier.weight", {2, 48}, 1)};
  expect_refused(ErrorCode::corrupt_file, {"classifier.weight", "does not have"});
  stored = {numbers("base_model.model.embeddings.LayerNorm.weight", {47}, 1)};
  expect_refused(ErrorCode::corrupt_file, {"LayerNorm.weight", "[47]", "[48]"});
  stored = {numbers(name + ".lora_magnitude_vector", {48}, 1)};
  expect_refused(ErrorCode::unsupported, {"lora_magnitude_vector"});
  stored = {numbers(name + ".lora_A.weight", {kRank, 48}, 1), {name + ".lora_B.weight", "I32", {48, kRank}, std::string(48 * kRank * 4, '\0')}};
  expect_refused(ErrorCode::unsupported, {"lora_B", "I32"});
  stored = {numbers(name + ".lora_A.weight", {kRank, 48}, 1), f32(name + ".lora_B.weight", {48, kRank}, std::vector<float>(48 * kRank, std::nanf("")))};
  expect_refused(ErrorCode::non_finite, {"lora_B"});
  std::filesystem::remove(directory() / "adapter_model.safetensors");
  expect_error(ErrorCode::not_found, {"adapter_model.safetensors"}, [&] { run(model.directory(), directory().string()); });
  expect_error(ErrorCode::invalid_argument, {"\"nowhere\"", "adapter_config.json"}, [&] { run(model.directory(), "nowhere"); });
}

TEST(Adapters, ADirectoryThatIsOneNeedsTheModelItWasMadeFor) {
  const Edited beside("bert", keep);
  std::ofstream(beside.directory() / "adapter_config.json") << "{}";
  expect_error(ErrorCode::unsupported, {"adapter_config.json", "as the model", "merge"}, [&] { run(beside.directory()); });
  const Edited among("bert", keep);
  among.add({zeros("encoder.layer.0.attention.self.query.lora_A.weight", {4, 4})});
  expect_error(ErrorCode::unsupported, {"model.safetensors", "lora_A", "merge"}, [&] { run(among.directory()); });
}

TEST(Adapters, AreNotForAMaskedLanguageModelsTiedTable) {
  const Edited model("bert-mlm", keep);
  TempDirectory files;
  files.write("adapter/adapter_config.json", R"({"peft_type":"LORA","lora_alpha":1})");
  const auto size = engine::Model::load(model.directory().string(), {.threads = 1});
  const std::string name = "base_model.model.bert.embeddings.word_embeddings";
  files.write("adapter/adapter_model.safetensors", safetensors({numbers(name + ".lora_embedding_A", {2, size->config().vocab_size}, 1),
                                                                numbers(name + ".lora_embedding_B", {size->config().hidden_size, 2}, 2)}));
  expect_error(ErrorCode::corrupt_file, {"word_embeddings", "adapter"},
               [&] { engine::Model::load(model.directory().string(), {.threads = 1, .adapter = (files / "adapter").string()}); });
}

// A case's tensors under the names of jinaai's XLM-RoBERTa: queries, keys and values are one matrix. By name the values come last.
std::function<Tensors(const TensorToWrite&)> to_mixer(const Replacements& names, const std::string& prefix, const std::string& values) {
  const auto parts = std::make_shared<std::map<std::string, TensorToWrite>>();
  return [=](const TensorToWrite& tensor) -> Tensors {
    TensorToWrite plain = renamed(tensor, names);
    if (!plain.name.starts_with("classifier.") && !plain.name.starts_with(prefix)) plain.name = prefix + plain.name;
    const std::size_t at = plain.name.find("mixer.part.");
    if (at == std::string::npos) return {plain};
    const std::string part = plain.name.substr(at + 11);
    (*parts)[part] = plain;
    if (!part.starts_with(values)) return {};
    const std::string kind = part.substr(values.size());
    const auto first = [&](char letter) {
      for (const auto& [key, one] : *parts)
        if (key.front() == letter && key.ends_with(kind)) return one;
      return TensorToWrite{};
    };
    TensorToWrite whole = first('q');
    whole.name = plain.name.substr(0, at) + "mixer.Wqkv" + kind;
    whole.shape.front() *= 3;
    whole.data += first('k').data + first('v').data;
    return {whole};
  };
}

const Replacements kBertToMixer = {{"embeddings.LayerNorm", "emb_ln"},
                                   {"encoder.layer.", "encoder.layers."},
                                   {"attention.output.dense", "mixer.out_proj"},
                                   {"attention.output.LayerNorm", "norm1"},
                                   {"attention.self.", "mixer.part."},
                                   {"intermediate.dense", "mlp.fc1"},
                                   {"output.dense", "mlp.fc2"},
                                   {"output.LayerNorm", "norm2"}};

TEST(Adapters, NamesOfTheRerankerOfTheSameMaker) {
  for (const char* name : {"xlm-roberta-seqcls", "xlm-roberta"}) {
    const Edited edited(name, keep);
    edited.rewrite(to_mixer(kBertToMixer, "roberta.", "value"));
    expect_same_bits(name, edited);
  }
}

// Jina embeddings v3 as it was published, made from the case of the same model as transformers 5 has it.
struct StoredAdapters : testing::Test {
  static constexpr std::uint64_t kRank = 4;
  static constexpr std::uint64_t kAdapters = 3;

  static void published(Json& json) {
    json["model_type"] = "xlm-roberta";
    json["architectures"] = Json::array({"XLMRobertaModel"});
    json["position_embedding_type"] = "rotary";
    json["rotary_emb_base"] = json["rope_parameters"]["rope_theta"];
    json.erase("rope_parameters");
    json["lora_adaptations"] = Json::array({"retrieval.query", "retrieval.passage", "text-matching"});
    json["lora_rank"] = kRank;
    json["lora_alpha"] = 1;
  }
  static std::function<Tensors(const TensorToWrite&)> names() {
    return to_mixer({{"embeddings.LayerNorm", "emb_ln"},
                     {"self_attn.o_proj", "mixer.out_proj"},
                     {"post_attention_layernorm", "norm1"},
                     {"post_mlp_layernorm", "norm2"},
                     {"self_attn.", "mixer.part."},
                     {"layers.", "encoder.layers."}},
                    "roberta.", "v_proj");
  }
  // Every matrix with its adapters beside it; `chosen` is added to it instead, with a quarter of its product, if it is one of them.
  static Tensors with_adapters(const TensorToWrite& tensor, std::uint64_t chosen) {
    if (tensor.shape.size() != 2) return {tensor};
    const std::string stem = tensor.name.substr(0, tensor.name.size() - std::string(".weight").size());
    const bool table = stem.find("embeddings") != std::string::npos;
    const std::string parts = stem + ".parametrizations.weight.0.lora_";
    const TensorToWrite b = numbers(parts + (table ? "A" : "B"), {kAdapters, tensor.shape[0], kRank}, stem.size());
    const TensorToWrite a = numbers(parts + (table ? "B" : "A"), {kAdapters, kRank, tensor.shape[1]}, stem.size() + 1);
    if (chosen < kAdapters) {
      const auto one = [&](const TensorToWrite& all) {
        const std::size_t bytes = all.data.size() / kAdapters;
        return TensorToWrite{all.name, all.dtype, {all.shape[1], all.shape[2]}, all.data.substr(chosen * bytes, bytes)};
      };
      return {sum(tensor, one(b), one(a), 0.25)};
    }
    return {{stem + ".parametrizations.weight.original", tensor.dtype, tensor.shape, tensor.data}, b, a};
  }
  static void write(const Edited& edited, std::uint64_t chosen) {
    edited.rewrite(names());
    edited.rewrite([&](const TensorToWrite& tensor) { return with_adapters(tensor, chosen); });
  }

  const Edited model{"jina-embeddings-v3", published};
  void SetUp() override { write(model, kAdapters); }
};

TEST_F(StoredAdapters, WithoutOneTheModelIsAsItIsWithoutAny) { expect_same_bits("jina-embeddings-v3", model); }

TEST_F(StoredAdapters, OneIsAddedToEveryMatrix) {
  const std::vector<std::string> adapters = {"retrieval.query", "retrieval.passage", "text-matching"};
  const ReferenceCase original(reference("jina-embeddings-v3"));
  std::vector<std::vector<float>> seen(kAdapters);
  for (std::uint64_t i = 0; i < kAdapters; ++i) {
    const Edited merged("jina-embeddings-v3", published);
    write(merged, i);
    for (const char* precision : {"fp32", "bf16", "int8"}) {
      const auto with = engine::Model::load(model.directory().string(), {.threads = 2, .precision = precision, .adapter = adapters[i]});
      const auto expected = engine::Model::load(merged.directory().string(), {.threads = 1, .precision = precision});
      for (const ReferenceInputs& set : original.input_sets()) {
        const std::vector<float> a = outputs(*with, set.inputs()), b = outputs(*expected, set.inputs());
        if (precision == std::string("fp32")) {
          EXPECT_LE(difference(a, b), kReferenceTolerance) << adapters[i];
          seen[i].insert(seen[i].end(), a.begin(), a.end());
        } else {
          EXPECT_GE(cosine(a, b), 0.9999) << adapters[i] << " " << precision;
        }
      }
      EXPECT_EQ(Json::parse(with->info())["adapters"], Json(adapters));
      EXPECT_EQ(Json::parse(with->info())["adapter"], adapters[i]);
    }
  }
  EXPECT_GT(difference(seen.front(), seen.back()), 0.01);
}

// The published directory lists a class of its own, which is sentence-transformers' Transformer but for the choice of an adapter.
TEST_F(StoredAdapters, ItsOwnTransformerIsOne) {
  std::filesystem::create_directories(model.directory() / "1_Pooling");
  std::ofstream(model.directory() / "1_Pooling/config.json") << R"({"word_embedding_dimension":32,"pooling_mode_mean_tokens":true})";
  std::ofstream(model.directory() / "modules.json") << R"([{"idx":0,"name":"transformer","path":"","type":"custom_st.Transformer"},
    {"idx":1,"name":"pooler","path":"1_Pooling","type":"sentence_transformers.models.Pooling"},
    {"idx":2,"name":"normalizer","path":"2_Normalize","type":"sentence_transformers.models.Normalize"}])";
  const auto loaded = engine::Model::load(model.directory().string(), {.threads = 1, .adapter = "text-matching"});
  EXPECT_EQ(Json::parse(loaded->info())["pooling"], (Json{"pooling mean", "normalize"}));
  Json config = Json::parse(base::read_file(model.directory() / "config.json", 1 << 20));
  config.erase("lora_adaptations");
  std::ofstream(model.directory() / "config.json") << config.dump();
  expect_error(ErrorCode::unsupported, {"modules.json", "custom_st.Transformer"}, [&] { run(model.directory()); });
}

TEST_F(StoredAdapters, NamesThatThereAreNotAreAnsweredWithThoseThereAre) {
  expect_error(ErrorCode::invalid_argument, {"\"retrieval\"", "retrieval.query, retrieval.passage, text-matching"},
               [&] { run(model.directory(), "retrieval"); });
}

TEST_F(StoredAdapters, FilesThatDoNotFitAreNamed) {
  const auto load = [](const Edited& edited) { engine::Model::load(edited.directory().string(), {.threads = 1, .adapter = "text-matching"}); };
  const auto edited = [&](ErrorCode code, const std::vector<std::string>& fragments, const std::function<void(Json&)>& config,
                          const std::function<Tensors(const TensorToWrite&)>& edit) {
    const Edited wrong("jina-embeddings-v3", [&](Json& json) {
      published(json);
      config(json);
    });
    write(wrong, kAdapters);
    wrong.rewrite(edit);
    expect_error(code, fragments, [&] { load(wrong); });
  };
  const auto all = [](const TensorToWrite& tensor) -> Tensors { return {tensor}; };
  edited(
      ErrorCode::corrupt_file, {"lora_adaptations"}, [](Json& json) { json.erase("lora_adaptations"); }, all);
  edited(
      ErrorCode::corrupt_file, {"lora_adaptations"}, [](Json& json) { json["lora_adaptations"] = "text-matching"; }, all);
  edited(
      ErrorCode::corrupt_file, {"lora_alpha"}, [](Json& json) { json.erase("lora_alpha"); }, all);
  edited(
      ErrorCode::corrupt_file, {"lora_A", "[3, ", "4 names"}, [](Json& json) { json["lora_adaptations"].push_back("more"); }, all);
  const std::string stem = "roberta.encoder.layers.0.mlp.fc1.parametrizations.weight.";
  edited(ErrorCode::corrupt_file, {stem + "original", "lora_B"}, keep,
         [&](const TensorToWrite& tensor) -> Tensors { return tensor.name == stem + "0.lora_B" ? Tensors{} : Tensors{tensor}; });
  edited(ErrorCode::unsupported, {stem + "0.lora_"}, keep,
         [&](const TensorToWrite& tensor) -> Tensors { return tensor.name == stem + "original" ? Tensors{} : Tensors{tensor}; });
  edited(ErrorCode::corrupt_file, {"lora_A", "[3, 4, 31]"}, keep, [&](const TensorToWrite& tensor) -> Tensors {
    return {tensor.name == stem + "0.lora_A" ? numbers(tensor.name, {kAdapters, kRank, 31}, 1) : tensor};
  });
  edited(ErrorCode::unsupported, {"parametrizations.weight.1.scale"}, keep, [&](const TensorToWrite& tensor) -> Tensors {
    if (tensor.name != stem + "original") return {tensor};
    return {tensor, numbers("roberta.pooler.dense.parametrizations.weight.1.scale", {3}, 1)};
  });
  edited(ErrorCode::corrupt_file, {stem + "original", "plain name"}, keep, [&](const TensorToWrite& tensor) -> Tensors {
    if (tensor.name != stem + "original") return {tensor};
    return {tensor, {"roberta.encoder.layers.0.mlp.fc1.weight", tensor.dtype, tensor.shape, tensor.data}};
  });
}

}  // namespace
}  // namespace berth::test
