// What the loader accepts, and that everything else is refused by name.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "base/error.hpp"
#include "base/json.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_directory.hpp"
#include "tokenizer/tokenizer.hpp"

namespace berth::tokenizer {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;
using base::Json;

Json good_tokenizer() {
  return Json::parse(R"({
    "version": "1.0",
    "truncation": {"max_length": 3, "strategy": "LongestFirst", "stride": 5, "direction": "Right"},
    "padding": {"strategy": {"Fixed": 64}, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]", "direction": "Right", "pad_to_multiple_of": null},
    "added_tokens": [{"id": 1, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
      "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
      "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [2], "tokens": ["[SEP]"]}}},
    "decoder": null,
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
      "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "un": 3, "##aff": 4, "##able": 5, "hello": 6}}
  })");
}

Tokenizer load(const Json& json) { return Tokenizer::from_json(json.dump(), "tokenizer.json"); }

// The error of loading the good file after `change`.
base::Error error_of(const std::function<void(Json&)>& change) {
  Json json = good_tokenizer();
  change(json);
  try {
    load(json);
  } catch (const base::Error& error) {
    return error;
  }
  ADD_FAILURE() << "accepted: " << json.dump();
  return base::Error(ErrorCode::internal, "");
}

void expect_error(ErrorCode code, const std::vector<std::string>& parts, const std::function<void(Json&)>& change) {
  const base::Error error = error_of(change);
  EXPECT_EQ(error.code(), code) << error.what();
  const std::string message = error.what();
  EXPECT_NE(message.find("tokenizer.json"), std::string::npos) << message;
  for (const std::string& part : parts) EXPECT_NE(message.find(part), std::string::npos) << message << "\nlacks: " << part;
}

TEST(TokenizerJson, ReadsTheStages) {
  const Tokenizer tokenizer = load(good_tokenizer());
  EXPECT_EQ(tokenizer.encode("Unaffable hello zz").ids, (std::vector<std::int32_t>{1, 3, 4, 5, 6, 0, 2}));
  EXPECT_EQ(tokenizer.type(), "WordPiece");
  EXPECT_EQ(tokenizer.vocab_size(), 7u);
  EXPECT_EQ(tokenizer.max_id(), 6);
  EXPECT_EQ(tokenizer.num_special_tokens(false), 2u);
  EXPECT_EQ(tokenizer.num_special_tokens(true), 0u);
  EXPECT_EQ(tokenizer.token(4), "##aff");
  EXPECT_EQ(tokenizer.token(400), "");
  EXPECT_EQ(tokenizer.id("hello"), 6);
  EXPECT_EQ(tokenizer.id("nothing"), std::nullopt);
}

TEST(TokenizerJson, IgnoresTruncationAndPadding) { EXPECT_EQ(load(good_tokenizer()).encode("hello hello hello hello").size(), 6u); }

TEST(TokenizerJson, InfersTheModelOfOldFiles) {
  Json json = good_tokenizer();
  json["model"].erase("type");
  EXPECT_EQ(load(json).type(), "WordPiece");
  json["model"]["merges"] = Json::array();
  EXPECT_EQ(load(json).type(), "BPE");
}

TEST(TokenizerJson, UnknownTypesListTheKnownOnes) {
  expect_error(ErrorCode::unsupported, {"model.type", "\"Unknown\"", "WordPiece"}, [](Json& j) { j["model"]["type"] = "Unknown"; });
  expect_error(ErrorCode::unsupported, {"normalizer.type", "\"NotBertNormalizer\"", "BertNormalizer"},
               [](Json& j) { j["normalizer"]["type"] = "NotBertNormalizer"; });
  expect_error(ErrorCode::unsupported, {"pre_tokenizer.type", "BertPreTokenizer"}, [](Json& j) { j["pre_tokenizer"]["type"] = "X"; });
  expect_error(ErrorCode::unsupported, {"post_processor.type", "TemplateProcessing"}, [](Json& j) { j["post_processor"]["type"] = "X"; });
  expect_error(ErrorCode::unsupported, {"normalizer.normalizers[1].type", "\"Y\""},
               [](Json& j) { j["normalizer"] = Json::parse(R"({"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "Y"}]})"); });
  expect_error(ErrorCode::unsupported, {"version", "\"2.0\""}, [](Json& j) { j["version"] = "2.0"; });
}

TEST(TokenizerJson, RefusesBadVocabularies) {
  expect_error(ErrorCode::corrupt_file, {"model.vocab", "\"un\"", "-3"}, [](Json& j) { j["model"]["vocab"]["un"] = -3; });
  expect_error(ErrorCode::corrupt_file, {"model.vocab", "\"un\"", "16777217"}, [](Json& j) { j["model"]["vocab"]["un"] = 16777217; });
  expect_error(ErrorCode::corrupt_file, {"model.vocab", "18446744073709551615"}, [](Json& j) { j["model"]["vocab"]["un"] = 18446744073709551615ull; });
  expect_error(ErrorCode::corrupt_file, {"model.vocab", "\"un\"", "1.5"}, [](Json& j) { j["model"]["vocab"]["un"] = 1.5; });
  expect_error(ErrorCode::corrupt_file, {"model.vocab", "\"un\""}, [](Json& j) { j["model"]["vocab"]["un"] = "3"; });
  expect_error(ErrorCode::corrupt_file, {"model.vocab", "1024"}, [](Json& j) { j["model"]["vocab"][std::string(1025, 'x')] = 7; });
  expect_error(ErrorCode::corrupt_file, {"vocab"}, [](Json& j) { j["model"]["vocab"] = Json::array({Json::array({"a", 0.5})}); });
  expect_error(ErrorCode::corrupt_file, {"vocab"}, [](Json& j) { j["model"]["vocab"] = 3; });
  expect_error(ErrorCode::corrupt_file, {"vocab"}, [](Json& j) { j["model"].erase("vocab"); });
  expect_error(ErrorCode::corrupt_file, {"model"}, [](Json& j) { j.erase("model"); });
  expect_error(ErrorCode::corrupt_file, {"max_input_chars_per_word", "-1"}, [](Json& j) { j["model"]["max_input_chars_per_word"] = -1; });
}

TEST(TokenizerJson, RefusesBadTemplates) {
  const auto single = [](Json& j) -> Json& { return j["post_processor"]["single"]; };
  expect_error(ErrorCode::corrupt_file, {"post_processor.single[0]", "[NONE]"}, [&](Json& j) { single(j)[0]["SpecialToken"]["id"] = "[NONE]"; });
  expect_error(ErrorCode::corrupt_file, {"post_processor.single", "B"}, [&](Json& j) { single(j)[1]["Sequence"]["id"] = "B"; });
  expect_error(ErrorCode::corrupt_file, {"single[1]", "\"C\""}, [&](Json& j) { single(j)[1]["Sequence"]["id"] = "C"; });
  expect_error(ErrorCode::corrupt_file, {"single[1]", "type_id"}, [&](Json& j) { single(j)[1]["Sequence"]["type_id"] = -1; });
  expect_error(ErrorCode::corrupt_file, {"post_processor.pair"}, [](Json& j) { j["post_processor"]["pair"].erase(1); });
  expect_error(ErrorCode::corrupt_file, {"ids"}, [](Json& j) { j["post_processor"]["special_tokens"]["[SEP]"]["ids"] = Json::array({-1}); });
  expect_error(ErrorCode::corrupt_file, {"ids"}, [](Json& j) { j["post_processor"]["special_tokens"]["[SEP]"]["ids"] = Json::array({1ull << 40}); });
  expect_error(ErrorCode::corrupt_file, {"special_tokens"}, [](Json& j) { j["post_processor"].erase("special_tokens"); });
  expect_error(ErrorCode::corrupt_file, {"post_processor.sep"},
               [](Json& j) { j["post_processor"] = Json::parse(R"({"type": "BertProcessing", "sep": ["[SEP]"], "cls": ["[CLS]", 1]})"); });
}

TEST(TokenizerJson, RefusesBadFieldsElsewhere) {
  expect_error(ErrorCode::corrupt_file, {"normalizer.lowercase", "\"yes\""}, [](Json& j) { j["normalizer"]["lowercase"] = "yes"; });
  expect_error(ErrorCode::corrupt_file, {"normalizer.clean_text"}, [](Json& j) { j["normalizer"].erase("clean_text"); });
  expect_error(ErrorCode::corrupt_file, {"added_tokens[0].id", "-1"}, [](Json& j) { j["added_tokens"][0]["id"] = -1; });
  expect_error(ErrorCode::corrupt_file, {"added_tokens[0].content"}, [](Json& j) { j["added_tokens"][0].erase("content"); });
  expect_error(ErrorCode::corrupt_file, {"added_tokens[0].content", "1024"}, [](Json& j) { j["added_tokens"][0]["content"] = std::string(2000, 'a'); });
  expect_error(ErrorCode::corrupt_file, {"added_tokens"}, [](Json& j) { j["added_tokens"] = 5; });
  EXPECT_THROW(Tokenizer::from_json("[]", "tokenizer.json"), base::Error);
  EXPECT_THROW(Tokenizer::from_json("{", "tokenizer.json"), base::Error);
  EXPECT_THROW(Tokenizer::from_json("", "tokenizer.json"), base::Error);
}

TEST(TokenizerJson, NestedSequencesEndAtTheDepthLimit) {
  Json inner = Json::parse(R"({"type": "Lowercase"})");
  for (int i = 0; i < 40; ++i) inner = Json{{"type", "Sequence"}, {"normalizers", Json::array({inner})}};
  Json json = good_tokenizer();
  json["normalizer"] = inner;
  EXPECT_THROW(load(json), base::Error);
}

TEST(TokenizerDirectory, NeedsATokenizerFile) {
  const test::TempDirectory empty;
  EXPECT_FALSE(Tokenizer::present(empty.path()));
  try {
    Tokenizer::load(empty.path());
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::not_found);
  }
}

constexpr const char* kVocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nh\xC3\xA9llo\nhello\nHello\n\xE4\xB8\xAD\n##s\n";

TEST(TokenizerDirectory, ReadsVocabTxt) {
  const test::TempDirectory directory;
  directory.write("vocab.txt", kVocab);
  const Tokenizer plain = Tokenizer::load(directory.path());
  EXPECT_EQ(plain.encode("H\xC3\xA9llos [MASK]").ids, (std::vector<std::int32_t>{2, 6, 9, 4, 3}));
  EXPECT_EQ(plain.encode("hello", "hello").type_ids, (std::vector<std::int32_t>{0, 0, 0, 1, 1}));
  EXPECT_EQ(plain.model_max_length(), std::nullopt);

  directory.write("tokenizer_config.json",
                  R"({"do_lower_case": false, "model_max_length": 512, "truncation_side": "left", "tokenizer_class": "BertTokenizer"})");
  const Tokenizer cased = Tokenizer::load(directory.path());
  EXPECT_EQ(cased.encode("Hello hello h\xC3\xA9llo").ids, (std::vector<std::int32_t>{2, 7, 6, 5, 3}));
  EXPECT_EQ(cased.model_max_length(), 512u);
  EXPECT_EQ(cased.truncation_side(), TruncationSide::left);

  directory.write("tokenizer_config.json",
                  R"({"strip_accents": false, "model_max_length": 1e30, "tokenize_chinese_chars": false, "tokenizer_class": "ElectraTokenizerFast"})");
  const Tokenizer kept = Tokenizer::load(directory.path());
  EXPECT_EQ(kept.encode("H\xC3\x89llo \xE4\xB8\xADs").ids, (std::vector<std::int32_t>{2, 5, 8, 9, 3}));
  EXPECT_EQ(kept.model_max_length(), std::nullopt);
}

TEST(TokenizerDirectory, WhatTokenizerConfigLeavesOut) {
  const test::TempDirectory directory;
  Json json = good_tokenizer();
  json["truncation"]["direction"] = "Left";
  directory.write("tokenizer.json", json.dump());
  EXPECT_EQ(Tokenizer::load(directory.path()).truncation_side(), TruncationSide::left);
  directory.write("tokenizer_config.json", R"({"max_len": 7, "pad_token": "hello"})");  // the limit's old name
  const Tokenizer old = Tokenizer::load(directory.path());
  EXPECT_EQ(old.truncation_side(), TruncationSide::left);
  EXPECT_EQ(old.model_max_length(), 7u);
  EXPECT_EQ(old.pad_id(), 6);
  directory.write("tokenizer_config.json", R"({"max_len": 7, "model_max_length": 9, "truncation_side": "right"})");
  EXPECT_EQ(Tokenizer::load(directory.path()).truncation_side(), TruncationSide::right);
  EXPECT_EQ(Tokenizer::load(directory.path()).model_max_length(), 9u);
}

TEST(TokenizerDirectory, WhetherModelsGetTypes) {
  const test::TempDirectory directory;
  directory.write("tokenizer.json", good_tokenizer().dump());
  EXPECT_TRUE(Tokenizer::load(directory.path()).gives_types());
  for (const auto& [config, expected] :
       std::vector<std::pair<const char*, bool>>{{R"({"tokenizer_class": "BertTokenizer"})", true},
                                                 {R"({"tokenizer_class": "RobertaTokenizer"})", false},
                                                 {R"({"tokenizer_class": "DistilBertTokenizerFast"})", false},
                                                 {R"({"tokenizer_class": "LlamaTokenizerFast"})", false},
                                                 {R"({"tokenizer_class": "PreTrainedTokenizerFast"})", true},
                                                 {R"({"tokenizer_class": "RobertaTokenizer", "model_input_names": ["input_ids", "token_type_ids"]})", true},
                                                 {R"({"tokenizer_class": "BertTokenizer", "model_input_names": ["input_ids", "attention_mask"]})", false}}) {
    directory.write("tokenizer_config.json", config);
    EXPECT_EQ(Tokenizer::load(directory.path()).gives_types(), expected) << config;
  }
  for (const char* config : {R"({"model_input_names": "input_ids"})", R"({"model_input_names": [1]})"}) {
    directory.write("tokenizer_config.json", config);
    test::expect_error(base::ErrorCode::corrupt_file, {"tokenizer_config.json", "model_input_names"}, [&] { Tokenizer::load(directory.path()); });
  }
}

TEST(TokenizerJson, HasATruncationOfItsOwn) {
  Json json = good_tokenizer();
  EXPECT_EQ(load(json).file_truncation()->side, TruncationSide::right);
  json["truncation"] = nullptr;
  EXPECT_FALSE(load(json).file_truncation());
  json["truncation"] = {{"direction", "Left"}, {"max_length", 7}, {"strategy", "LongestFirst"}, {"stride", 2}};
  EXPECT_EQ(load(json).file_truncation()->max_length, 7U);
  EXPECT_EQ(load(json).file_truncation()->side, TruncationSide::left);
  EXPECT_FALSE(load(json).encode("hello hello hello hello hello hello hello hello").truncated) << "only where it is asked for";
  expect_error(ErrorCode::corrupt_file, {"truncation.max_length", "-1"}, [](Json& j) { j["truncation"]["max_length"] = -1; });
  expect_error(ErrorCode::corrupt_file, {"truncation.direction", "Up"}, [](Json& j) { j["truncation"]["direction"] = "Up"; });
}

// As clean_up_tokenization of transformers replaces, one after the other.
TEST(TokenizerDirectory, CleansDecodedTextUp) {
  const Tokenizer tokenizer = load(good_tokenizer());
  EXPECT_EQ(tokenizer.clean_up("i don ' t , you 're . she 's ! we 've ? i 'm do n't"), "i don't, you're. she's! we've? i'm don't");
  EXPECT_EQ(tokenizer.clean_up(" . . a ' ' b"), ".. a'' b");
  EXPECT_EQ(tokenizer.clean_up(""), "");
  const test::TempDirectory directory;
  directory.write("tokenizer.json", good_tokenizer().dump());
  directory.write("tokenizer_config.json", R"({"clean_up_tokenization_spaces": false})");
  EXPECT_EQ(Tokenizer::load(directory.path()).clean_up("a , b"), "a , b");
}

TEST(TokenizerDirectory, VocabTxtLinesAndNewTokens) {
  const test::TempDirectory directory;
  directory.write("vocab.txt", "[PAD]\r\n[UNK]\r\n[CLS]\r[SEP]\n[MASK]\n\nab \nz");
  directory.write("added_tokens.json", R"({"<new>": 8, "<more>": 9})");
  directory.write("special_tokens_map.json", R"({"additional_special_tokens": ["[EXTRA]"], "mask_token": {"content": "[MASK]", "lstrip": true}})");
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  EXPECT_EQ(tokenizer.id(""), 5);
  EXPECT_EQ(tokenizer.id("ab "), 6);
  EXPECT_EQ(tokenizer.encode("z[EXTRA]<new> [MASK]<more>").ids,
            (std::vector<std::int32_t>{2, 7, 10, 8, 4, 9, 3}));  // the ids of added_tokens.json, then others
  EXPECT_EQ(tokenizer.encode("z [MASK]").offsets[2], (std::pair<std::uint32_t, std::uint32_t>{1, 8}));
}

TEST(TokenizerDirectory, Mpnet) {
  const test::TempDirectory directory;
  directory.write("vocab.txt", "<s>\n<pad>\n</s>\n[UNK]\nab\n<mask>\n");
  directory.write("config.json", R"({"model_type": "mpnet"})");
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  EXPECT_EQ(tokenizer.encode("ab <mask>", "AB").ids, (std::vector<std::int32_t>{0, 4, 5, 2, 2, 4, 2}));
}

TEST(TokenizerDirectory, RefusesWhatItDoesNotKnow) {
  const test::TempDirectory directory;
  const auto error = [&](const std::string& config) {
    directory.write("tokenizer_config.json", config);
    try {
      Tokenizer::load(directory.path());
    } catch (const base::Error& refused) {
      return std::string(refused.what());
    }
    return std::string("accepted");
  };
  directory.write("vocab.txt", kVocab);
  EXPECT_NE(error(R"({"tokenizer_class": "BertJapaneseTokenizer"})").find("DistilBertTokenizer"), std::string::npos);
  EXPECT_NE(error(R"({"model_max_length": -5})").find("model_max_length"), std::string::npos);
  EXPECT_NE(error(R"({"model_max_length": "x"})").find("model_max_length"), std::string::npos);
  EXPECT_NE(error(R"({"truncation_side": "up"})").find("truncation_side"), std::string::npos);
  EXPECT_NE(error(R"({"unk_token": "none"})").find("\"none\""), std::string::npos);
  EXPECT_NE(error(R"({"mask_token": 5})").find("mask_token"), std::string::npos);
  EXPECT_NE(error(R"({"added_tokens_decoder": {"x": {"content": "y"}}})").find("added_tokens_decoder"), std::string::npos);
  EXPECT_EQ(error("{}"), "accepted");
  directory.write("vocab.txt", "[UNK]\n\xFF\n");
  EXPECT_NE(error("{}").find("UTF-8"), std::string::npos);
  directory.write("vocab.txt", "[UNK]\n" + std::string(1025, 'x'));
  EXPECT_NE(error("{}").find("line 2"), std::string::npos);
}

}  // namespace
}  // namespace berth::tokenizer
