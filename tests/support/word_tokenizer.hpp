// A tokenizer.json of a few whole words.
#pragma once

#include <string>
#include <string_view>

namespace berth::test {

inline constexpr std::string_view kNoTruncation = R"("truncation":null)";

// Of lower case, with [UNK] as id 0 and [CLS], which the template puts first, as id 1; `words` are those behind them as JSON: `"a":2,"b":3`.
inline std::string word_tokenizer(std::string_view words, std::string_view truncation = kNoTruncation) {
  return R"({"version":"1.0",)" + std::string(truncation) + R"(,"padding":null,
  "added_tokens":[{"id":0,"content":"[UNK]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
                  {"id":1,"content":"[CLS]","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
  "normalizer":{"type":"Lowercase"},"pre_tokenizer":{"type":"Whitespace"},
  "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
    "pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
    "special_tokens":{"[CLS]":{"id":"[CLS]","ids":[1],"tokens":["[CLS]"]}}},
  "decoder":null,"model":{"type":"WordLevel","unk_token":"[UNK]","vocab":{"[UNK]":0,"[CLS]":1,)" +
         std::string(words) + "}}}";
}

}  // namespace berth::test
