// Models other than WordPiece: what their loaders accept, and that crafted files are refused by name.
#include <gtest/gtest.h>

#include <bit>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/json.hpp"
#include "tests/support/temp_directory.hpp"
#include "tokenizer/model_reader.hpp"
#include "tokenizer/tokenizer.hpp"

namespace berth::tokenizer {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;
using base::Json;
using Ids = std::vector<std::int32_t>;

Json bpe() {
  return Json::parse(R"({"type": "BPE", "dropout": 0.1, "unk_token": "u", "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
    "vocab": {"u": 0, "a": 1, "b": 2, "ab": 3, "abab": 4, "c": 5}, "merges": ["#version: 0.2", "a b", "ab ab"]})");
}
Json unigram() { return Json::parse(R"({"type": "Unigram", "unk_id": 0, "vocab": [["u", 0], ["a", -1], ["b", -1.5], ["ab", -2], ["abab", -7]]})"); }
Json word_level() { return Json::parse(R"({"type": "WordLevel", "unk_token": "u", "vocab": {"u": 5, "ab": 2}})"); }

Tokenizer load_model(const Json& model) { return Tokenizer::from_json(Json{{"model", model}}.dump(), "tokenizer.json"); }

std::string refusal(const Json& model, ErrorCode code = ErrorCode::corrupt_file) {
  try {
    load_model(model);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  return "accepted";
}

void expect_refused(const Json& model, const std::vector<std::string>& parts, ErrorCode code = ErrorCode::corrupt_file) {
  const std::string message = refusal(model, code);
  for (const std::string& part : parts) EXPECT_NE(message.find(part), std::string::npos) << message << "\nlacks: " << part;
}

template <class Change>
Json changed(Json model, Change&& change) {
  change(model);
  return model;
}

TEST(ModelLoading, Bpe) {
  EXPECT_EQ(load_model(bpe()).encode("ababaxxb").ids, (Ids{4, 1, 0, 0, 2}));
  EXPECT_EQ(load_model(changed(bpe(), [](Json& m) { m["merges"] = Json::parse(R"([["a", "b"], ["ab", "ab"]])"); })).encode("abab").ids, (Ids{4}));
  EXPECT_EQ(load_model(changed(bpe(), [](Json& m) { m["fuse_unk"] = true; })).encode("axxb").ids, (Ids{1, 0, 2}));
  EXPECT_EQ(load_model(changed(bpe(), [](Json& m) { m["merges"] = Json::array(); })).encode("ab").ids, (Ids{1, 2}));
  EXPECT_EQ(load_model(changed(bpe(), [](Json& m) { m["merges"] = Json::array(), m["ignore_merges"] = true; })).encode("abab").ids, (Ids{4}));
}

// The whole of Gemma's file in small: no word ends at a space, and a character without a token of its own is its bytes.
TEST(ModelLoading, BpeOfGemma) {
  const Tokenizer gemma = Tokenizer::from_json(R"({
    "added_tokens": [{"id": 1, "content": "<eos>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
      {"id": 2, "content": "<bos>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
    "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
    "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false},
    "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<bos>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
      {"SpecialToken": {"id": "<eos>", "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
      "special_tokens": {"<bos>": {"id": "<bos>", "ids": [2], "tokens": ["<bos>"]}, "<eos>": {"id": "<eos>", "ids": [1], "tokens": ["<eos>"]}}},
    "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
      "vocab": {"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3, "<0xC3>": 4, "<0xA9>": 5, "▁": 6, "a": 7, "b": 8, "ab": 9, "▁ab": 10},
      "merges": [["a", "b"], ["▁", "ab"]]}})",
                                               "tokenizer.json");
  EXPECT_EQ(gemma.encode("ab ab é").ids, (Ids{2, 9, 10, 6, 4, 5, 1}));
  EXPECT_EQ(gemma.encode("xyab").ids, (Ids{2, 3, 9, 1}));
}

// And of Llama 3's, which EuroBERT has: a word of the vocabulary is one token whatever the merges.
TEST(ModelLoading, BpeOfLlama) {
  const Tokenizer llama = Tokenizer::from_json(R"({
    "added_tokens": [{"id": 5, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
      {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]},
    "post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true},
      {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
      "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
      "special_tokens": {"<s>": {"id": "<s>", "ids": [5], "tokens": ["<s>"]}}}]},
    "model": {"type": "BPE", "ignore_merges": true, "vocab": {"a": 0, "b": 1, "Ġ": 2, "Ġab": 3, "ab": 4, "<s>": 5, "1": 6, "111": 7}, "merges": []}})",
                                               "tokenizer.json");
  EXPECT_EQ(llama.encode("ab ab b").ids, (Ids{5, 4, 3, 2, 1}));
  EXPECT_EQ(llama.encode("1111ab").ids, (Ids{5, 7, 6, 4})) << "three digits at a time";
}

// And of Qwen's, whose template appends a token: what Hugging Face's tokenizers gives for the file of tests/reference/st-qwen3.
TEST(ModelLoading, BpeOfQwen) {
  const Tokenizer qwen = Tokenizer::load(fs::path(BERTH_SOURCE_DIR) / "tests" / "reference" / "st-qwen3");
  EXPECT_EQ(qwen.encode("ab ab's c").ids, (Ids{12, 13, 15, 6, 2, 20}));
  EXPECT_EQ(qwen.encode("abe\u0301c").ids, (Ids{12, 14, 2, 20})) << "NFC";
  EXPECT_EQ(qwen.encode("c'S 111").ids, (Ids{2, 4, 11, 6, 5, 5, 5, 20})) << "one digit at a time";
  EXPECT_EQ(qwen.encode("ab  ab\n\nc.\n").ids, (Ids{12, 6, 13, 18, 2, 19, 20}));
  EXPECT_EQ(qwen.encode("   ").ids, (Ids{17, 6, 20}));
  EXPECT_EQ(qwen.encode("").ids, (Ids{20}));
  EXPECT_EQ(qwen.encode("ab<|endoftext|>").ids, (Ids{12, 20, 20}));
  const Encoding added = qwen.encode("a <think>b<|im_start|>c");
  EXPECT_EQ(added.ids, (Ids{0, 6, 22, 1, 21, 2, 20}));
  EXPECT_EQ(added.offsets[2], (std::pair<std::uint32_t, std::uint32_t>(2, 9)));
  const Encoding pair = qwen.encode("ab c", "c ab");
  EXPECT_EQ(pair.ids, (Ids{12, 6, 2, 20, 2, 13, 20}));
  EXPECT_EQ(pair.type_ids, (Ids{0, 0, 0, 0, 1, 1, 1}));
  EncodeOptions three;
  three.truncation = Truncation{.max_length = 3};
  EXPECT_EQ(qwen.encode("ab ab ab ab", three).ids, (Ids{12, 13, 20})) << "the appended token stays";
  EXPECT_EQ(qwen.encode("ab ab ab", "c c c", three).ids, (Ids{20, 2, 20}));
}

TEST(ModelLoading, BpeRefusesCraftedMerges) {
  const auto with = [](const char* merges) { return changed(bpe(), [&](Json& m) { m["merges"] = Json::parse(merges); }); };
  expect_refused(with(R"(["a z"])"), {"model.merges", "\"z\"", "not in the vocabulary"});
  expect_refused(with(R"(["a c"])"), {"model.merges", "\"ac\"", "not in the vocabulary"});
  expect_refused(with(R"(["a b c"])"), {"model.merges", "a b c"});
  expect_refused(with(R"(["ab"])"), {"model.merges", "\"ab\""});
  expect_refused(with(R"([["a", "b", "c"]])"), {"model.merges[0]"});
  expect_refused(with(R"(["a b", 5])"), {"model.merges[1]"});
  expect_refused(with(R"({"a": "b"})"), {"model.merges"});
  expect_refused(with("7"), {"model.merges"});
  expect_refused(changed(bpe(), [](Json& m) { m.erase("merges"); }), {"merges"});
  // A merge whose texts are longer than any token, and one whose second part is shorter than the prefix: both led other readers out of their buffers.
  expect_refused(changed(bpe(), [](Json& m) { m["merges"] = Json::array({Json::array({std::string(5000, 'a'), std::string(5000, 'b')})}); }), {"model.merges"});
  expect_refused(changed(bpe(), [](Json& m) { m["continuing_subword_prefix"] = "##"; }), {"model.merges", "continuing_subword_prefix"});
  expect_refused(changed(bpe(), [](Json& m) { m["vocab"] = Json::parse(R"([["a", 0]])"); }), {"model.vocab"});
  expect_refused(changed(bpe(), [](Json& m) { m["dropout"] = 2; }), {"dropout", "2"});
  expect_refused(changed(bpe(), [](Json& m) { m["fuse_unk"] = 1; }), {"fuse_unk"});
}

TEST(ModelLoading, Unigram) {
  EXPECT_EQ(load_model(unigram()).encode("ababxa").ids, (Ids{3, 3, 0, 1}));
  EXPECT_EQ(load_model(changed(unigram(), [](Json& m) { m["vocab"][4][1] = -3; })).encode("abab").ids, (Ids{4}));
  EXPECT_EQ(load_model(unigram()).id("abab"), 4);
  EXPECT_EQ(load_model(unigram()).id("aba"), std::nullopt);
  EXPECT_EQ(load_model(unigram()).token(3), "ab");
  EXPECT_EQ(load_model(unigram()).token(5), "");
  EXPECT_EQ(load_model(unigram()).vocab_size(), 5u);
}

TEST(ModelLoading, UnigramRefusesCraftedVocabularies) {
  const auto with = [](const char* vocab) { return changed(unigram(), [&](Json& m) { m["vocab"] = Json::parse(vocab); }); };
  expect_refused(changed(unigram(), [](Json& m) { m["unk_id"] = 5; }), {"unk_id", "5"});
  expect_refused(changed(unigram(), [](Json& m) { m["unk_id"] = -1; }), {"unk_id", "-1"});
  expect_refused(with("[]"), {"model.vocab"});
  expect_refused(with(R"([["a"]])"), {"model.vocab[0]"});
  expect_refused(with(R"([["a", 0], ["b", "x"]])"), {"model.vocab[1]"});
  expect_refused(with(R"([["a", 0], [1, 1]])"), {"model.vocab[1]"});
  expect_refused(with(R"([["a", 0], ["b", null]])"), {"model.vocab[1]"});
  expect_refused(with(R"({"a": 0})"), {"model.vocab"});
  expect_refused(changed(unigram(), [](Json& m) { m["vocab"][1][0] = std::string(1025, 'x'); }), {"model.vocab", "1024"});
}

// The values were printed by the reference after reading the same text.
TEST(ModelLoading, ScoresAreReadAsTheReferenceReadsThem) {
  EXPECT_EQ(read_score("-12.130167007446289"), -12.130167007446287);
  EXPECT_EQ(read_score("-3.4642934799194336"), -3.4642934799194336);
  EXPECT_EQ(read_score("-2.0000000000000004e-5"), -0.000020000000000000005);
  EXPECT_EQ(read_score("-8.123456789012345678"), -8.123456789012346);
  EXPECT_EQ(read_score("18446744073709551616"), 18446744073709551610.0);
  EXPECT_EQ(read_score("1e2"), 100.0);
  EXPECT_EQ(read_score("1.5E+2"), 150.0);
  EXPECT_EQ(read_score("0.0"), 0.0);
  EXPECT_EQ(read_score("-0.5"), -0.5);
  EXPECT_EQ(read_score("25e-400"), 0.0);
  EXPECT_EQ(read_score("4.9e-324"), 4.9e-324);
}

TEST(ModelLoading, WordLevel) {
  EXPECT_EQ(load_model(word_level()).encode("ab").ids, (Ids{2}));
  EXPECT_EQ(load_model(word_level()).encode("abc").ids, (Ids{5}));
  expect_refused(changed(word_level(), [](Json& m) { m.erase("unk_token"); }), {"unk_token"});
}

// The file is only at fault for texts that need what it lacks.
TEST(ModelLoading, AMissingUnknownTokenIsAnErrorOfTheText) {
  const Json word_piece = {
      {"type", "WordPiece"}, {"unk_token", "none"}, {"continuing_subword_prefix", "##"}, {"max_input_chars_per_word", 100}, {"vocab", {{"a", 0}, {"##b", 1}}}};
  const Json models[] = {changed(bpe(), [](Json& m) { m["unk_token"] = "none"; }), changed(unigram(), [](Json& m) { m["unk_id"] = nullptr; }),
                         changed(word_level(), [](Json& m) { m["unk_token"] = "none"; }), word_piece};
  for (const Json& model : models) {
    const Tokenizer tokenizer = load_model(model);
    EXPECT_NO_THROW(tokenizer.encode("ab")) << model.dump();
    try {
      tokenizer.encode("abx");
      ADD_FAILURE() << model.dump();
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      EXPECT_NE(std::string(error.what()).find("unknown"), std::string::npos) << error.what();
    }
  }
}

// A sentencepiece model by hand.
std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value > 127; value >>= 7) bytes += static_cast<char>(value | 128);
  return bytes + static_cast<char>(value);
}
std::string number(std::uint32_t field, std::uint64_t value) { return varint(field << 3) + varint(value); }
std::string bytes(std::uint32_t field, const std::string& value) { return varint(field << 3 | 2) + varint(value.size()) + value; }
std::string piece(const std::string& text, float score = 0, unsigned type = 1) {
  const auto bits = std::bit_cast<std::uint32_t>(score);
  std::string fixed;
  for (int i = 0; i < 4; ++i) fixed += static_cast<char>(bits >> 8 * i);
  return bytes(1, bytes(1, text) + varint(2 << 3 | 5) + fixed + number(3, type));
}
std::string good_pieces() {
  return piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3) + piece("\u2581", -2) + piece("a", -3) + piece("b", -3.5) + piece("ab", -4) +
         piece("\u2581ab", -4.5) + piece("[X]", 0, 4);
}

std::string refusal(const fs::path& directory) {
  try {
    Tokenizer::load(directory);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(SentencePieceFiles, IdsFollowTheClass) {
  const test::TempDirectory directory;
  directory.write("sentencepiece.bpe.model", good_pieces() + bytes(2, number(3, 1)));
  EXPECT_TRUE(Tokenizer::present(directory.path()));
  // XLM-R: <s>, <pad>, </s>, <unk>, then the pieces from the fourth on, <mask>; the file's name says so already.
  const Tokenizer xlm = Tokenizer::load(directory.path());
  EXPECT_EQ(xlm.encode("ab  a[X]<mask>").ids, (Ids{0, 8, 4, 5, 9, 10, 2}));
  EXPECT_EQ(xlm.id("<mask>"), 10);
  EXPECT_EQ(xlm.encode("ab", "b").ids, (Ids{0, 8, 2, 2, 4, 6, 2}));
  directory.write("config.json", R"({"model_type": "camembert"})");
  EXPECT_EQ(Tokenizer::load(directory.path()).encode("ab").ids, (Ids{5, 11, 6}));
  directory.write("tokenizer_config.json", R"({"tokenizer_class": "T5TokenizerFast", "extra_ids": 3})");
  const Tokenizer t5 = Tokenizer::load(directory.path());
  EXPECT_EQ(t5.encode("ab<extra_id_0>").ids, (Ids{7, 11, 2}));
  EXPECT_EQ(t5.id("<extra_id_2>"), 9);
}

TEST(SentencePieceFiles, GoByManyNames) {
  for (const char* name : {"sentencepiece.bpe.model", "spiece.model", "spm.model", "sentencepiece.model", "tokenizer.model"}) {
    const test::TempDirectory directory;
    directory.write(name, good_pieces() + bytes(2, number(3, 1)));
    directory.write("config.json", R"({"model_type": "t5"})");
    EXPECT_EQ(Tokenizer::load(directory.path()).encode("ab").ids, (Ids{7, 2})) << name;
  }
}

TEST(SentencePieceFiles, BpeFindsItsMerges) {
  const test::TempDirectory directory;
  directory.write("sentencepiece.bpe.model", piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3) + piece("\u2581ab", -1) + piece("ab", 0) +
                                                 piece("\u2581a", -2) + piece("\u2581", -3) + piece("a", -4) + piece("b", -5) + bytes(2, number(3, 2)));
  directory.write("tokenizer_config.json", R"({"tokenizer_class": "BarthezTokenizer"})");
  EXPECT_EQ(Tokenizer::load(directory.path()).encode("ab aab").ids, (Ids{1, 3, 5, 4, 2}));
}

TEST(SentencePieceFiles, RefusesWhatIsNone) {
  const test::TempDirectory directory;
  const auto refuse = [&](const std::string& file) {
    directory.write("spiece.model", file);
    return refusal(directory.path());
  };
  const std::string good = good_pieces() + bytes(2, number(3, 1));
  EXPECT_EQ(refuse(good), "accepted");
  for (std::size_t size = 1; size < good.size(); ++size) {
    const std::string cut = refuse(good.substr(0, size));
    EXPECT_TRUE(cut == "accepted" || cut.find("not a sentencepiece model") != std::string::npos || cut.find("no id for") != std::string::npos) << cut;
  }
  EXPECT_NE(refuse("").find("no pieces"), std::string::npos);
  EXPECT_NE(refuse(good + piece("")).find("piece 9 has 0 bytes"), std::string::npos);
  EXPECT_NE(refuse(good + piece(std::string(1025, 'x'))).find("1025 bytes"), std::string::npos);
  EXPECT_NE(refuse(good + piece("\xFF")).find("UTF-8"), std::string::npos);
  EXPECT_NE(refuse(good + piece("x", std::numeric_limits<float>::quiet_NaN())).find("not finite"), std::string::npos);
  EXPECT_NE(refuse(good + piece("x", 0, 7)).find("type 7"), std::string::npos);
  EXPECT_NE(refuse(good + bytes(2, number(3, 3))).find("unigram and BPE"), std::string::npos);
  EXPECT_NE(refuse(good + bytes(2, number(40, 1000))).find("1000"), std::string::npos);
  EXPECT_NE(refuse(good + bytes(2, number(40, ~0ull))).find("unk_id -1"), std::string::npos);
  EXPECT_NE(refuse(good + std::string("\x0B", 1)).find("wire type 3"), std::string::npos);
  EXPECT_NE(refuse("version https://git-lfs.github.com/spec/v1\noid sha256:0").find("LFS"), std::string::npos);
  directory.write("tokenizer_config.json", R"({"tokenizer_class": "LlamaTokenizer"})");
  EXPECT_NE(refuse(good).find("XLMRobertaTokenizer"), std::string::npos);
}

TEST(ByteLevelFiles, VocabJsonAndMerges) {
  const test::TempDirectory directory;
  directory.write("vocab.json", R"({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4, "b": 5, "\u0120a": 6, "\u0120": 7, "ab": 8, "<mask>": 9})");
  EXPECT_FALSE(Tokenizer::present(directory.path()));
  directory.write("merges.txt", "#version: 0.2\na b\r\n\u0120 a\n\n");
  EXPECT_EQ(Tokenizer::load(directory.path()).encode("ab a <mask>").ids, (Ids{0, 8, 6, 9, 2}));
  EXPECT_EQ(Tokenizer::load(directory.path()).encode("a", "b").ids, (Ids{0, 4, 2, 2, 5, 2}));
  directory.write("tokenizer_config.json", R"({"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": true})");
  EXPECT_EQ(Tokenizer::load(directory.path()).encode("ab").ids, (Ids{7, 8}));
  directory.write("merges.txt", "a\n");
  EXPECT_NE(refusal(directory.path()).find("merges.txt"), std::string::npos);
  directory.write("merges.txt", "a x\n");
  EXPECT_NE(refusal(directory.path()).find("\"x\""), std::string::npos);
  directory.write("merges.txt", "a b\n");
  directory.write("vocab.json", R"([["a", 1]])");
  EXPECT_NE(refusal(directory.path()).find("vocab.json"), std::string::npos);
  directory.write("vocab.json", R"({"a": "x"})");
  EXPECT_NE(refusal(directory.path()).find("vocab.json"), std::string::npos);
}

}  // namespace
}  // namespace berth::tokenizer
