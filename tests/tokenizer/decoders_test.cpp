// Decoders, against what reference/record_decoders.cjs recorded, and Tokenizer::decode.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.hpp"
#include "base/json.hpp"
#include "tokenizer/stages.hpp"
#include "tokenizer/tokenizer.hpp"

namespace berth::tokenizer {
namespace {

TEST(Decoders, EqualReference) {
  const base::Json all = base::read_json_file(std::filesystem::path(BERTH_SOURCE_DIR) / "tests" / "tokenizer" / "decoders.json");
  std::size_t compared = 0;
  for (const auto& [name, recorded] : all.items()) {
    const auto decoder = make_decoder(StageSource{base::JsonObject(recorded["decoder"], "decoders.json", name), name});
    for (const base::Json& test : recorded["cases"]) {
      auto tokens = test[0].get<std::vector<std::string>>();
      decoder->apply(tokens);
      std::string text;
      for (const std::string& token : tokens) text += token;
      EXPECT_EQ(text, test[1].get<std::string>()) << name << ": " << test[0].dump();
      ++compared;
    }
  }
  EXPECT_EQ(compared, 15u * 120u);
}

Tokenizer tokenizer(const std::string& decoder) {
  return Tokenizer::from_json(
      R"({"added_tokens": [{"id": 1, "content": "[CLS]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
    {"id": 4, "content": "new", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": false}],
    "decoder": )" +
          decoder + R"(, "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
    "vocab": {"[UNK]": 0, "[CLS]": 1, "a": 2, "##b": 3}}})",
      "test.json");
}

TEST(Decode, LeavesOutSpecialTokensAndUnknownIds) {
  const std::vector<std::int32_t> ids = {1, 2, 3, 4, 99, -1, 2};
  const Tokenizer wordpiece = tokenizer(R"({"type": "WordPiece", "prefix": "##", "cleanup": true})");
  EXPECT_EQ(wordpiece.decode(ids, true), "ab new a");
  EXPECT_EQ(wordpiece.decode(ids, false), "[CLS] ab new a");
  EXPECT_EQ(tokenizer("null").decode(ids, true), "a ##b new a");
  EXPECT_EQ(wordpiece.decode({}, true), "");
}

TEST(Decode, RefusesUnknownDecoders) {
  try {
    tokenizer(R"({"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "Nothing"}]})");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find("field \"decoder.decoders[1].type\": \"Nothing\" is not supported"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace berth::tokenizer
