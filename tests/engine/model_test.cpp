// What Model promises beside the right numbers: errors that name things, truncation that is told, inputs of every shape.
#include "engine/model.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/inputs.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/engine/reference_case.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;
using engine::Model;

std::filesystem::path source(const std::string& path) { return std::filesystem::path(BERTH_SOURCE_DIR) / path; }
std::unique_ptr<const Model> load(const std::filesystem::path& directory) { return Model::load(directory.string(), {.threads = 1}); }

void encode(const Model& model, const std::vector<berth_input>& inputs, std::vector<berth_row>* rows = nullptr, engine::RunOptions options = {}) {
  std::vector<float> out(inputs.size() * model.embedding_size());
  if (rows != nullptr) rows->resize(inputs.size());
  model.encode(inputs, options, out.data(), rows == nullptr ? nullptr : rows->data(), nullptr);
}

// A writable copy of a reference case, and its files as text.
class EditedModel {
 public:
  explicit EditedModel(const char* name) { std::filesystem::copy(reference(name), directory(), std::filesystem::copy_options::recursive); }
  std::filesystem::path directory() const { return temporary_.path() / "model"; }
  void replace(const char* file, const std::string& from, const std::string& to) {
    std::ifstream in(directory() / file, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    std::ofstream(directory() / file, std::ios::binary) << text;
  }
  // Overwrites one float of a tensor in model.safetensors.
  void poke(const std::string& tensor, std::size_t index, float value) {
    const auto store = loaders::TensorStore::open(directory());
    const auto* view = store.find(tensor);
    ASSERT_NE(view, nullptr) << tensor;
    std::size_t header = 0;
    std::fstream file(directory() / "model.safetensors", std::ios::binary | std::ios::in | std::ios::out);
    file.read(reinterpret_cast<char*>(&header), 8);
    const auto* first = &store.tensors().front();
    for (const auto& t : store.tensors()) first = t.data.data() < first->data.data() ? &t : first;
    const auto offset = static_cast<std::streamoff>(8 + header) + (view->data.data() - first->data.data()) + static_cast<std::streamoff>(index * 4);
    file.seekp(offset);
    file.write(reinterpret_cast<const char*>(&value), 4);
  }

 private:
  TempDirectory temporary_;
};

TEST(ModelInputs, LimitsAreNamed) {
  const auto model = load(reference("bert"));
  const auto vocabulary = static_cast<std::int32_t>(model->config().vocab_size);
  const std::vector<std::int32_t> good = {2, 5, 3};
  const std::vector<std::int32_t> beyond = {2, vocabulary, 3};
  const std::vector<std::int32_t> negative = {2, -1};
  const std::vector<std::int32_t> type = {0, 0, 7};
  expect_error(ErrorCode::invalid_argument, {"input 1", "ids[1]", std::to_string(vocabulary), "0 to " + std::to_string(vocabulary - 1)}, [&] {
    encode(*model, {ids_input(good), ids_input(beyond)});
  });
  expect_error(ErrorCode::invalid_argument, {"input 0", "ids[1]", "-1"}, [&] { encode(*model, {ids_input(negative)}); });
  expect_error(ErrorCode::invalid_argument, {"input 0", "type_ids[2]", "7"}, [&] { encode(*model, {ids_input(good, &type)}); });
  expect_error(ErrorCode::invalid_argument, {"input 0", "ids is empty"}, [&] { encode(*model, {ids_input({})}); });
  const std::vector<std::int32_t> longest(model->config().max_positions, 5);
  const std::vector<std::int32_t> too_long(model->config().max_positions + 1, 5);
  EXPECT_NO_THROW(encode(*model, {ids_input(longest)}));
  expect_error(ErrorCode::too_long, {"input 0", "65 ids", "64 positions"}, [&] { encode(*model, {ids_input(too_long)}); });
  const std::string invalid = "fine \xff";
  expect_error(ErrorCode::invalid_argument, {"input 0", "UTF-8", "byte 5"}, [&] { encode(*model, {text_input(invalid)}); });
}

// Of texts that a tokenizer refuses, too: here one of three, by a stage that makes far too much of it.
TEST(ModelInputs, TheTokenizersRefusalsNameTheInput) {
  EditedModel edited("bert");
  edited.replace("tokenizer.json", "\"normalizer\"",
                 "\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"String\": \"a\"}, \"content\": \"" + std::string(1024, 'b') + "\"}, \"unused\"");
  const auto model = load(edited.directory());
  const std::string huge(20000, 'a');
  for (const engine::LongText long_text : {engine::LongText::truncate, engine::LongText::window})
    expect_error(ErrorCode::invalid_argument, {"input 1: the text would be longer than"}, [&] {
      encode(*model, {text_input("one"), text_input(huge), text_input("two")}, nullptr, {.long_text = long_text});
    });
}

TEST(ModelInputs, TruncationIsTold) {
  const auto model = load(source("weights/intent"));
  std::string huge;
  for (int i = 0; i < 20000; ++i) huge += "word ";
  const std::string empty;
  const std::string zero("a\0b", 3);
  std::vector<berth_row> rows;
  encode(*model, {text_input(huge), text_input(empty), text_input(zero)}, &rows);
  EXPECT_EQ(rows[0].tokens, model->max_length());
  EXPECT_EQ(rows[0].truncated, 1U);
  EXPECT_EQ(rows[1].tokens, 2U) << "empty text is its special tokens";
  EXPECT_EQ(rows[1].truncated, 0U);
  EXPECT_EQ(rows[2].truncated, 0U);
  encode(*model, {text_input(huge)}, &rows, {.max_length = 16});
  EXPECT_EQ(rows[0].tokens, 16U);
  encode(*model, {text_input(huge)}, &rows, {.max_length = 1000000});
  EXPECT_EQ(rows[0].tokens, model->max_length());
}

TEST(ModelInputs, TheDefaultPromptGoesBeforeEveryText) {
  EditedModel edited("st-mean");
  std::ofstream(edited.directory() / "config_sentence_transformers.json") << R"({"prompts": {"query": "the card: "}, "default_prompt_name": "query"})";
  const auto prompted = load(edited.directory());
  const auto plain = load(reference("st-mean"));
  const std::string text = "was lost";
  const std::string whole = "the card: was lost";
  std::vector<float> a(plain->embedding_size());
  std::vector<float> b(plain->embedding_size());
  std::vector<berth_input> inputs = {text_input(text)};
  prompted->encode(inputs, {}, a.data(), nullptr, nullptr);
  inputs = {text_input(whole)};
  plain->encode(inputs, {}, b.data(), nullptr, nullptr);
  EXPECT_EQ(a, b);
  prompted->encode(inputs, {.prompt = ""}, a.data(), nullptr, nullptr);
  EXPECT_EQ(a, b) << "a prompt that is asked for goes in place of the default one";
  inputs = {text_input(text)};
  plain->encode(inputs, {.prompt = "the card: "}, a.data(), nullptr, nullptr);
  EXPECT_EQ(a, b);
}

TEST(ModelInputs, APromptThatPoolingLeavesOutOnlyIsContext) {
  EditedModel edited("st-mean");
  std::ofstream(edited.directory() / "1_Pooling/config.json")
      << R"({"word_embedding_dimension": 32, "pooling_mode_mean_tokens": true, "include_prompt": false})";
  const auto model = load(edited.directory());
  const std::string text = "was lost";
  const std::vector<berth_input> inputs = {text_input(text)};
  const std::size_t size = model->embedding_size();
  std::vector<float> out(size);
  engine::TokenValues tokens;
  model->encode(inputs, {.prompt = "the card: "}, out.data(), nullptr, &tokens);
  // [CLS] the card : | was lost [SEP]: the prompt's own tokens and what stands before them are left out.
  const std::size_t prompt_tokens = model->tokenizer()->encode("the card: ").ids.size() - 1;
  const std::size_t count = tokens.values.size() / size;
  ASSERT_LT(prompt_tokens, count);
  for (std::size_t d = 0; d < size; ++d) {
    float sum = 0.0F;
    for (std::size_t t = prompt_tokens; t < count; ++t) sum += tokens.values[t * size + d];
    EXPECT_NEAR(out[d], sum / static_cast<float>(count - prompt_tokens), 1e-5F) << d;
  }
}

TEST(ModelInputs, NoRowsIsFine) {
  const auto model = load(source("weights/intent"));
  EXPECT_NO_THROW(encode(*model, {}));
}

TEST(ModelInputs, TextNeedsATokenizer) {
  const auto model = load(reference("bert-act-relu"));  // a directory without tokenizer files
  const std::string text = "hello";
  EXPECT_EQ(model->tokenizer(), nullptr);
  const std::vector<std::int32_t> ids = {2, 5, 3};
  EXPECT_NO_THROW(encode(*model, {ids_input(ids)}));
  expect_error(ErrorCode::invalid_argument, {"tokenizer"}, [&] { encode(*model, {text_input(text)}); });
}

TEST(ModelInputs, StripTakesWhatPythonTakes) {
  EXPECT_EQ(engine::strip(" \t\n a b \u3000\u00a0"), "a b");
  EXPECT_EQ(engine::strip("\u200b a"), "\u200b a") << "a zero-width space is no white space";
  EXPECT_EQ(engine::strip("   "), "");
  EXPECT_EQ(engine::strip(""), "");
}

// "do_lower_case" of sentence_bert_config.json is about the text, whatever the tokenizer does: a cased one sees lower case then.
TEST(ModelInputs, SentenceTransformersMayLowerTheTextFirst) {
  const std::vector<std::string> texts = {"HELLO World, ΟΔΟΣ", "hello world, οδος"};
  for (const bool lower : {false, true}) {
    EditedModel edited("st-mean");
    edited.replace("tokenizer.json", "\"lowercase\": true", "\"lowercase\": false");
    edited.replace("tokenizer_config.json", "\"do_lower_case\": true", "\"do_lower_case\": false");
    if (lower) edited.replace("sentence_bert_config.json", "\"do_lower_case\": false", "\"do_lower_case\": true");
    const auto model = load(edited.directory());
    std::vector<float> out(2 * model->embedding_size());
    model->encode(std::vector<berth_input>{text_input(texts[0]), text_input(texts[1])}, {}, out.data(), nullptr, nullptr);
    const bool same = std::equal(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(model->embedding_size()),
                                 out.begin() + static_cast<std::ptrdiff_t>(model->embedding_size()));
    EXPECT_EQ(same, lower);
  }
}

TEST(ModelClassify, NeedsAHead) {
  const auto model = load(reference("bert"));
  const std::vector<std::int32_t> ids = {2, 5, 3};
  const std::vector<berth_input> inputs = {ids_input(ids)};
  float out = 0;
  expect_error(ErrorCode::unsupported, {"...ForSequenceClassification", "architectures"}, [&] { model->classify(inputs, {}, false, &out, nullptr); });
}

TEST(ModelClassify, AHeadInTheWeightsIsEnoughWhereTheConfigNamesNoClass) {
  EditedModel edited("bert-seqcls");
  edited.replace("config.json", "\"architectures\"", "\"not_architectures\"");
  EXPECT_EQ(load(edited.directory())->config().labels, (std::vector<std::string>{"LABEL_0", "LABEL_1"}));
  EditedModel base("bert");
  base.replace("config.json", "\"architectures\"", "\"not_architectures\"");
  EXPECT_FALSE(load(base.directory())->config().has_sequence_classifier());
}

TEST(ModelFiles, UnsupportedModelTypeListsTheSupportedOnes) {
  EditedModel edited("bert");
  edited.replace("config.json", "\"model_type\": \"bert\"", "\"model_type\": \"gpt2\"");
  expect_error(ErrorCode::unsupported, {"config.json", "model_type", "\"gpt2\"", "albert, bart, bert, camembert"}, [&] { load(edited.directory()); });
}

TEST(ModelFiles, ImpossibleConfigValues) {
  const std::pair<const char*, const char*> edits[] = {
      {"\"num_attention_heads\": 3", "\"num_attention_heads\": 5"},
      {"\"hidden_size\": 48", "\"hidden_size\": -48"},
      {"\"hidden_size\": 48", "\"hidden_size\": 1e30"},
      {"\"hidden_size\": 48", "\"hidden_size\": \"48\""},
      {"\"hidden_act\": \"gelu\"", "\"hidden_act\": \"gelu2\""},
      {"\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": -1"},
  };
  for (const auto& [from, to] : edits) {
    EditedModel edited("bert");
    edited.replace("config.json", from, to);
    const std::string field = std::string(to).substr(0, std::string(to).find(':'));
    EXPECT_THROW(
        {
          try {
            load(edited.directory());
          } catch (const base::Error& error) {
            EXPECT_NE(std::string(error.what()).find(field), std::string::npos) << error.what();
            EXPECT_NE(std::string(error.what()).find("config.json"), std::string::npos) << error.what();
            throw;
          }
        },
        base::Error)
        << to;
  }
}

TEST(ModelFiles, AllMissingAndMisshapenTensorsAreListedAtOnce) {
  EditedModel edited("bert");
  edited.replace("config.json", "\"intermediate_size\": 100", "\"intermediate_size\": 104");
  edited.replace("model.safetensors", "encoder.layer.0.attention.self.query.weight", "encoder.layer.0.attention.self.qwery.weight");
  expect_error(ErrorCode::corrupt_file,
               {(edited.directory() / "model.safetensors").string(), "encoder.layer.0.attention.self.query.weight", "is missing",
                "encoder.layer.0.intermediate.dense.weight", "has shape", "encoder.layer.1.output.dense.weight"},
               [&] { load(edited.directory()); });
}

TEST(ModelFiles, NonFiniteWeightsNameTheTensor) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    for (const char* tensor : {"encoder.layer.1.output.dense.weight", "encoder.layer.0.attention.output.LayerNorm.bias", "embeddings.word_embeddings.weight"}) {
      EditedModel edited("bert");
      edited.poke(tensor, 17, bad);
      expect_error(ErrorCode::non_finite, {tensor, "model.safetensors"}, [&] { load(edited.directory()); });
    }
  }
}

// Finite weights whose products overflow: the result is refused, not handed out.
TEST(ModelFiles, NonFiniteResultsNameTheInput) {
  EditedModel edited("bert");
  for (std::size_t i = 0; i < 48; ++i) edited.poke("embeddings.LayerNorm.weight", i, 3e38F);
  const auto model = load(edited.directory());
  const std::vector<std::int32_t> ids = {2, 5, 3};
  expect_error(ErrorCode::non_finite, {"input 0", "NaN or infinite"}, [&] { encode(*model, {ids_input(ids)}); });
}

TEST(ModelFiles, TokenizerMayNotExceedTheEmbeddingTable) {
  EditedModel edited("bert");
  std::filesystem::copy_file(source("weights/intent/tokenizer.json"), edited.directory() / "tokenizer.json", std::filesystem::copy_options::overwrite_existing);
  expect_error(ErrorCode::corrupt_file, {"tokenizer", "8191", "vocab_size"}, [&] { load(edited.directory()); });
}

TEST(ModelFiles, ASizeThatThePoolingStatesIsNamedByItsField) {
  for (const std::string key : {"word_embedding_dimension", "embedding_dimension"}) {
    EditedModel edited("st-mean");
    std::ofstream(edited.directory() / "1_Pooling/config.json") << "{\"" << key << R"(": 31, "pooling_mode": "mean"})";
    expect_error(ErrorCode::corrupt_file, {"1_Pooling/config.json: field \"" + key + "\"", "expected 32", "got 31"}, [&] { load(edited.directory()); });
  }
}

TEST(ModelFiles, Options) {
  const std::string directory = reference("bert").string();
  expect_error(ErrorCode::invalid_argument, {"precision", "fp8", "fp32"}, [&] { Model::load(directory, {.precision = "fp8"}); });
  expect_error(ErrorCode::invalid_argument, {"threads", "-1"}, [&] { Model::load(directory, {.threads = -1}); });
  expect_error(ErrorCode::invalid_argument, {"isa", "sse9", "baseline"}, [&] { Model::load(directory, {.isa = "sse9"}); });
  expect_error(ErrorCode::not_found, {"no-such-directory"}, [&] { Model::load("/no-such-directory", {}); });
}

TEST(ModelFiles, CopiedFilesGiveTheSameBits) {
  const std::string directory = source("weights/intent").string();
  const std::string text = "please cancel my card";
  const std::vector<berth_input> inputs = {text_input(text)};
  const auto mapped = Model::load(directory, {.threads = 1});
  const auto copied = Model::load(directory, {.threads = 1, .mmap = false});
  std::vector<float> a(mapped->embedding_size());
  std::vector<float> b(copied->embedding_size());
  mapped->encode(inputs, {}, a.data(), nullptr, nullptr);
  copied->encode(inputs, {}, b.data(), nullptr, nullptr);
  EXPECT_EQ(a, b);
}

}  // namespace
}  // namespace berth::test
