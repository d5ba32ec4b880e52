// What the small files beside a vocabulary say, as transformers reads them. Ids and offsets are those that the reference library gives for the
// tokenizer.json that transformers would make of the files.
#include <gtest/gtest.h>

#include "base/json.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_directory.hpp"
#include "tokenizer/tokenizer.hpp"

namespace berth::tokenizer {
namespace {

using base::Json;
using Ids = std::vector<std::int32_t>;

Json special(const char* content, int id) {
  return {{"id", id}, {"content", content}, {"single_word", false}, {"lstrip", false}, {"rstrip", false}, {"normalized", false}, {"special", true}};
}

Json bert(Json strip_accents = nullptr, bool lowercase = true, bool chinese = true) {
  return {{"version", "1.0"},
          {"added_tokens", Json::array()},
          {"normalizer",
           {{"type", "BertNormalizer"}, {"clean_text", true}, {"handle_chinese_chars", chinese}, {"strip_accents", strip_accents}, {"lowercase", lowercase}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"model",
           {{"type", "WordPiece"},
            {"unk_token", "[UNK]"},
            {"continuing_subword_prefix", "##"},
            {"max_input_chars_per_word", 100},
            {"vocab",
             {{"[UNK]", 0}, {"[MASK]", 1}, {"é", 2}, {"e", 3}, {"É", 4}, {"E", 5}, {"中", 6}, {"##中", 7}, {"[", 8}, {"]", 9}, {"mask", 10}, {"MASK", 11}}}}}};
}

Json roberta(bool prefix_space) {
  return {{"version", "1.0"},
          {"added_tokens", Json::array()},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", prefix_space}, {"trim_offsets", true}, {"use_regex", true}}},
          {"post_processor",
           {{"type", "RobertaProcessing"}, {"sep", {"</s>", 2}}, {"cls", {"<s>", 0}}, {"trim_offsets", true}, {"add_prefix_space", prefix_space}}},
          {"model", {{"type", "BPE"}, {"vocab", {{"<s>", 0}, {"<pad>", 1}, {"</s>", 2}, {"a", 3}, {"Ġ", 4}, {"Ġa", 5}}}, {"merges", Json::array({"Ġ a"})}}}};
}

class TokenizerFiles : public ::testing::Test {
 protected:
  Ids ids(const std::string& text) const { return Tokenizer::load(directory_.path()).encode(text).ids; }
  void write(const char* name, const Json& json) const { directory_.write(name, json.dump()); }

  const test::TempDirectory directory_;
};

constexpr const char* kText = "É e 中中 [mask]";

TEST_F(TokenizerFiles, BertClassesSettleTheNormalizer) {
  write("tokenizer.json", bert(nullptr, false));
  const Ids cased{4, 3, 6, 6, 8, 10, 9}, lower{3, 3, 6, 6, 8, 10, 9};
  write("config.json", {{"model_type", "bert"}});
  EXPECT_EQ(ids(kText), cased) << "nothing is said but by tokenizer.json";
  const auto with = [&](Json config) {
    write("tokenizer_config.json", config);
    return ids(kText);
  };
  EXPECT_EQ(with({{"tokenizer_class", "BertTokenizer"}, {"do_lower_case", false}}), cased);
  EXPECT_EQ(with({{"tokenizer_class", "BertTokenizerFast"}, {"do_lower_case", true}}), lower);
  EXPECT_EQ(with({{"tokenizer_class", "DistilBertTokenizer"}}), lower) << "the class's default";
  EXPECT_EQ(with({{"model_max_length", 512}}), lower) << "the class of config.json's model_type";
  EXPECT_EQ(with({{"tokenizer_class", "PreTrainedTokenizerFast"}, {"do_lower_case", true}}), cased);
  EXPECT_EQ(with({{"tokenizer_class", "BertTokenizer"}, {"strip_accents", false}}), (Ids{2, 3, 6, 6, 8, 10, 9}));
  EXPECT_EQ(with({{"tokenizer_class", "BertTokenizer"}, {"do_lower_case", false}, {"strip_accents", true}}), (Ids{5, 3, 6, 6, 8, 10, 9}));
  EXPECT_EQ(with({{"tokenizer_class", "ElectraTokenizer"}, {"tokenize_chinese_chars", false}}), (Ids{3, 3, 6, 7, 8, 10, 9}));
  write("config.json", {{"model_type", "bert"}, {"tokenizer_class", "XLMRobertaTokenizer"}});
  EXPECT_EQ(with({{"model_max_length", 512}}), cased) << "config.json names a class before its model type";
  write("tokenizer.json", bert(false, true, false));
  EXPECT_EQ(with({{"tokenizer_class", "MPNetTokenizer"}}), (Ids{3, 3, 6, 7, 8, 10, 9})) << "MPNet's class leaves ideographs to tokenizer.json";
  EXPECT_EQ(with({{"tokenizer_class", "BertTokenizer"}}), lower);
  write("tokenizer_config.json", {{"tokenizer_class", "BertTokenizer"}, {"do_lower_case", "no"}});
  test::expect_error(base::ErrorCode::corrupt_file, {"tokenizer_config.json", "do_lower_case"}, [&] { ids(kText); });
}

TEST_F(TokenizerFiles, OtherNormalizersStay) {
  Json json = bert();
  write("tokenizer_config.json", {{"tokenizer_class", "BertTokenizer"}, {"do_lower_case", false}});
  for (const Json& normalizer : {Json{{"type", "Lowercase"}}, Json{{"type", "Sequence"}, {"normalizers", {{{"type", "Lowercase"}}}}}}) {
    json["normalizer"] = normalizer;
    write("tokenizer.json", json);
    EXPECT_EQ(ids("É E"), (Ids{2, 3})) << normalizer;
  }
  json["normalizer"] = nullptr;
  write("tokenizer.json", json);
  EXPECT_EQ(ids("É E"), (Ids{4, 5}));
}

TEST_F(TokenizerFiles, ByteLevelClassesSettleThePrefixSpace) {
  for (const bool of_json : {false, true}) {
    write("tokenizer.json", roberta(of_json));
    write("tokenizer_config.json", {{"tokenizer_class", "RobertaTokenizer"}, {"add_prefix_space", true}});
    EXPECT_EQ(ids("a a"), (Ids{0, 5, 5, 2}));
    write("tokenizer_config.json", {{"tokenizer_class", "RobertaTokenizer"}});
    EXPECT_EQ(ids("a a"), (Ids{0, 3, 5, 2}));
    write("tokenizer_config.json", {{"tokenizer_class", "PreTrainedTokenizerFast"}});
    EXPECT_EQ(ids("a a"), of_json ? (Ids{0, 5, 5, 2}) : (Ids{0, 3, 5, 2}));
  }
}

TEST_F(TokenizerFiles, FramingClassesSettleTheFrame) {
  Json json = roberta(false);
  json["post_processor"] = nullptr;
  write("tokenizer.json", json);
  const auto with = [&](Json config) {
    write("tokenizer_config.json", config);
    return Tokenizer::load(directory_.path()).encode("a", "a");
  };
  EXPECT_EQ(with({{"tokenizer_class", "LlamaTokenizer"}}).ids, (Ids{3, 3})) << "nothing is said";
  EXPECT_EQ(with({{"tokenizer_class", "PreTrainedTokenizerFast"}, {"add_eos_token", true}}).ids, (Ids{3, 3}));
  const Encoding both = with({{"tokenizer_class", "LlamaTokenizerFast"}, {"add_bos_token", true}, {"add_eos_token", true}});
  EXPECT_EQ(both.ids, (Ids{0, 3, 2, 0, 3, 2}));
  EXPECT_EQ(both.type_ids, (Ids{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(ids("a"), (Ids{0, 3, 2}));
  EXPECT_EQ(with({{"tokenizer_class", "GemmaTokenizer"}, {"bos_token", "<s>"}, {"add_eos_token", false}}).ids, (Ids{0, 3, 0, 3}));
  EXPECT_EQ(with({{"tokenizer_class", "LlamaTokenizer"}, {"add_bos_token", false}, {"add_eos_token", true}}).ids, (Ids{3, 2, 3, 2}));
  EXPECT_EQ(with({{"tokenizer_class", "GemmaTokenizer"}, {"add_eos_token", true}}).ids, (Ids{3, 3})) << "<bos> has no id here";
}

TEST_F(TokenizerFiles, AddedTokensOverTokenizerJson) {
  Json json = bert();
  write("tokenizer.json", json);
  EXPECT_EQ(ids("[MASK]"), (Ids{8, 10, 9}));
  write("tokenizer_config.json", {{"mask_token", "[MASK]"}, {"sep_token", "[NEW]"}});
  EXPECT_EQ(ids("[MASK]"), (Ids{1})) << "a role that tokenizer.json does not add";
  EXPECT_EQ(Tokenizer::load(directory_.path()).max_id(), 11) << "no ids beyond the vocabulary's";
  write("tokenizer_config.json", {{"additional_special_tokens", {"mask"}}});
  EXPECT_EQ(ids("[mask]E"), (Ids{8, 10, 9, 3}));
  EXPECT_EQ(ids("mask中"), (Ids{10, 6}));

  json["added_tokens"] = {special("[MASK]", 1)};
  write("tokenizer.json", json);
  const auto offsets = [&](Json config) {
    write("tokenizer_config.json", config);
    return Tokenizer::load(directory_.path()).encode("e  [MASK]e").offsets[1];
  };
  using Offsets = std::pair<std::uint32_t, std::uint32_t>;
  const Json takes_spaces = {{"content", "[MASK]"}, {"lstrip", true}, {"special", true}};
  EXPECT_EQ(offsets({{"mask_token", takes_spaces}}), (Offsets{3, 9})) << "the flags are tokenizer.json's";
  EXPECT_EQ(offsets({{"added_tokens_decoder", {{"1", takes_spaces}}}}), (Offsets{1, 9})) << "but for those of added_tokens_decoder";
  json["added_tokens"][0]["normalized"] = true;
  write("tokenizer.json", json);
  EXPECT_EQ(ids("[mask]"), (Ids{8, 10, 9})) << "added_tokens_decoder does not normalize it";
  write("tokenizer_config.json", Json::object());
  EXPECT_EQ(ids("[mask]"), (Ids{1}));
  write("tokenizer_config.json", {{"added_tokens_decoder", {{"11", {{"content", "MASK"}}}}}});
  EXPECT_EQ(ids("Mask MASK"), (Ids{11, 11})) << "one that is not special is normalized where it is not said";
  write("tokenizer_config.json", {{"added_tokens_decoder", {{"11", {{"content", "MASK"}, {"special", true}}}}}});
  EXPECT_EQ(ids("Mask MASK"), (Ids{10, 11}));
}

TEST_F(TokenizerFiles, RolesNamedNowhereAreOfTheClass) {
  write("tokenizer.json", bert());
  write("config.json", {{"model_type", "bert"}});
  EXPECT_EQ(ids("[MASK] [SEP]"), (Ids{1, 8, 0, 9})) << "in so far as the vocabulary has them";
  write("tokenizer_config.json", {{"mask_token", "mask"}});
  EXPECT_EQ(ids("[MASK]"), (Ids{8, 10, 9}));

  Json json = roberta(false);
  json["model"]["vocab"]["<mask>"] = 6;
  json["added_tokens"] = {special("<mask>", 6)};
  write("tokenizer.json", json);
  write("tokenizer_config.json", {{"mask_token", "<mask>"}});
  write("config.json", {{"model_type", "roberta"}});
  EXPECT_EQ(ids("a <mask>"), (Ids{0, 3, 4, 6, 2}));
  write("tokenizer_config.json", Json::object());
  EXPECT_EQ(ids("a <mask>"), (Ids{0, 3, 6, 2})) << "RoBERTa's own takes the space before it along";
}

TEST_F(TokenizerFiles, ConfigJsonNamesTheClass) {
  directory_.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n");
  write("config.json", {{"model_type", "bert"}, {"tokenizer_class", "BertJapaneseTokenizer"}});
  test::expect_error(base::ErrorCode::unsupported, {"config.json", "BertJapaneseTokenizer", "BertTokenizer"}, [&] { ids("a"); });
  write("tokenizer_config.json", {{"tokenizer_class", "BertTokenizer"}});
  EXPECT_EQ(ids("a"), (Ids{2, 5, 3})) << "tokenizer_config.json comes first";
}

TEST_F(TokenizerFiles, RolesTakenAwayAreErrors) {
  directory_.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n");
  for (const char* key : {"cls_token", "sep_token", "unk_token"}) {
    write("tokenizer_config.json", {{key, ""}});
    test::expect_error(base::ErrorCode::corrupt_file, {"vocab.txt", "\"\""}, [&] { ids("a"); });
  }
  write("tokenizer_config.json", {{"mask_token", ""}});
  EXPECT_EQ(ids("a[MASK]"), (Ids{2, 5, 1, 1, 1, 3}));
}

TEST_F(TokenizerFiles, BasicTokenizingIsNotTurnedOff) {
  directory_.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n");
  write("tokenizer_config.json", {{"do_basic_tokenize", false}});
  EXPECT_EQ(ids("A"), (Ids{2, 5, 3})) << "the fast tokenizers of transformers take the class's settings all the same";
}

TEST_F(TokenizerFiles, AddedTokensJsonGivesIds) {
  directory_.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n");
  write("added_tokens.json", {{"<new>", 5}, {"[EXTRA]", 6}, {"[MASK]", 7}, {"<more>", 8}});
  write("special_tokens_map.json", {{"additional_special_tokens", {"[OTHER]", "[EXTRA]"}}, {"mask_token", "[MASK]"}});
  const Tokenizer tokenizer = Tokenizer::load(directory_.path());
  EXPECT_EQ(tokenizer.encode("<new>[EXTRA][MASK]<more>[OTHER]").ids, (Ids{2, 5, 6, 7, 8, 9, 3}));
  EXPECT_EQ(tokenizer.decode(Ids{4, 5, 6, 7}, true), "a <new>") << "those that have a role or are additional are special";
}

TEST_F(TokenizerFiles, AStringKeepsTheFlagsOfItsRole) {
  directory_.write("vocab.json", R"({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4, "\u0120": 5, "<mask>": 6, "<other>": 7})");
  directory_.write("merges.txt", "#version: 0.2\n");
  write("special_tokens_map.json", {{"mask_token", "<mask>"}});
  EXPECT_EQ(ids("a <mask>"), (Ids{0, 4, 6, 2}));
  write("special_tokens_map.json", {{"mask_token", "<other>"}});
  EXPECT_EQ(ids("a <other>"), (Ids{0, 4, 7, 2}));
  write("tokenizer_config.json", {{"mask_token", "<mask>"}});
  EXPECT_EQ(ids("a <other>"), (Ids{0, 4, 7, 2})) << "special_tokens_map.json speaks last";
}

TEST_F(TokenizerFiles, Herbert) {
  directory_.write("vocab.json", R"({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, "d": 5, "o": 6, "m</w>": 7, "do": 8, "dom</w>": 9, "ó": 10,
    ",</w>": 11, "m": 12, "y</w>": 13, "o</w>": 14})");
  directory_.write("merges.txt", "#version: 0.2\nd o 123\ndo m</w> 45\n");
  write("config.json", {{"model_type", "bert"}, {"tokenizer_class", "HerbertTokenizerFast"}});
  const Tokenizer tokenizer = Tokenizer::load(directory_.path());
  EXPECT_EQ(tokenizer.encode("dom, domy Dóm <mask>").ids, (Ids{0, 9, 11, 8, 12, 13, 3, 10, 7, 4, 2}));
  EXPECT_EQ(tokenizer.encode("dom", "do").ids, (Ids{0, 9, 2, 5, 14, 2}));
  EXPECT_EQ(tokenizer.encode("dom", "do").type_ids, (Ids{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(tokenizer.decode(Ids{9, 11, 8, 12, 13}, true), "dom , domy");
}

}  // namespace
}  // namespace berth::tokenizer
