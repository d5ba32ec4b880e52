// Any bytes as a tokenizer.json: it is refused with base::Error, or the tokenizer works.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "fuzz/fuzz.hpp"
#include "tokenizer/tokenizer.hpp"

namespace {

// A small tokenizer with its parts given as JSON.
std::string file(const std::string& model, const std::string& normalizer, const std::string& post_processor, const std::string& added = "[]",
                 const std::string& pre_tokenizer = R"({"type":"BertPreTokenizer"})") {
  return R"({"version":"1.0","truncation":{"max_length":4,"stride":9},"padding":null,"added_tokens":)" + added + R"(,"normalizer":)" + normalizer +
         R"(,"pre_tokenizer":)" + pre_tokenizer + R"(,"post_processor":)" + post_processor + R"(,"decoder":null,"model":)" + model + "}";
}

}  // namespace

// Right files of every stage, and the crafted ones that made other tokenizers overrun or abort: ids and templates that point nowhere, strides
// without progress, entries of impossible sizes.
std::vector<std::string> berth::fuzz::seeds() {
  const std::string vocab = R"("vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"[MASK]":4,"hello":5,"w":6,"##orld":7,"un":8,"##aff":9,"##able":10,",":11})";
  const std::string model = R"({"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,)" + vocab + "}";
  const std::string bert = R"({"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true})";
  const std::string added = R"([{"id":4,"content":"[MASK]","single_word":false,"lstrip":true,"rstrip":false,"normalized":false,"special":true},
    {"id":12,"content":"new","single_word":true,"lstrip":false,"rstrip":true,"normalized":true,"special":false}])";
  const std::string pieces = R"([{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}])";
  const auto template_of = [&](const std::string& tokens) {
    return R"({"type":"TemplateProcessing","single":)" + pieces + R"(,"pair":)" + pieces.substr(0, pieces.size() - 1) +
           R"(,{"Sequence":{"id":"B","type_id":1}}],"special_tokens":)" + tokens + "}";
  };
  const std::string tokens = R"({"[CLS]":{"id":"[CLS]","ids":[2],"tokens":["[CLS]"]},"[SEP]":{"id":"[SEP]","ids":[3],"tokens":["[SEP]"]}})";
  return {
      file(model, bert, template_of(tokens), added),
      file(model, R"({"type":"Sequence","normalizers":[{"type":"Lowercase"}]})", R"({"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]})"),
      file(model, "null", R"({"type":"RobertaProcessing","sep":["[SEP]",3],"cls":["[CLS]",2],"trim_offsets":true,"add_prefix_space":false})", added),
      file(model, bert, template_of("{}")),
      file(
          model,
          R"({"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Precompiled","precompiled_charsmap":"AAgAAAAEAAA="},{"type":"StripAccents"},{"type":"Prepend","prepend":"_"}]})",
          "null"),
      file(model, R"x({"type":"Replace","pattern":{"Regex":"(a+)+$|\\p{L}{2,}(?=x)"},"content":"b"})x",
           R"({"type":"Sequence","processors":[{"type":"ByteLevel","trim_offsets":true,"add_prefix_space":true}]})", added,
           R"({"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true})"),
      file(
          model, R"({"type":"Strip","strip_left":true,"strip_right":false})", "null", "[]",
          R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\s+"},"behavior":"MergedWithNext","invert":true},{"type":"Metaspace","replacement":"_","prepend_scheme":"first","split":true},{"type":"FixedLength","length":3},{"type":"Punctuation","behavior":"Contiguous"},{"type":"Digits","individual_digits":false}]})"),
      file(model, bert, template_of(R"({"[CLS]":{"id":"[CLS]","ids":[4294967295],"tokens":["[CLS]"]},"[SEP]":{"id":"[SEP]","ids":[],"tokens":[]}})")),
      file(R"({"type":"WordPiece","unk_token":"[NO]","continuing_subword_prefix":"##","max_input_chars_per_word":0,)" + vocab + "}", bert, "null"),
      file(R"({"unk_token":"[UNK]","continuing_subword_prefix":"","max_input_chars_per_word":18446744073709551615,"vocab":{"":0,"[UNK]":2147483647}})", bert,
           "null"),
      file(R"({"type":"BPE","vocab":{"a":0},"merges":["a b","a"]})", bert, "null"),
      file(model, bert, "null", R"([{"id":-1,"content":"","special":true},{"id":99999999999,"content":"x"}])"),
      file(
          R"({"type":"BPE","unk_token":"u","fuse_unk":true,"byte_fallback":true,"continuing_subword_prefix":"","end_of_word_suffix":"","vocab":{"u":0,"H":1,"e":2,"l":3,
        "o":4,"ll":5,"ello":6,"lo":7,"el":8,"<0x2C>":9},"merges":["l l","e l","l o",["el","lo"]]})",
          "null", "null", added),
      file(
          R"({"type":"BPE","unk_token":null,"continuing_subword_prefix":"##","end_of_word_suffix":"@","vocab":{"w":0,"##o":1,"wo":2,"d@":3,"##":4},"merges":[["w","##o"],["w","##"]]})",
          bert, "null"),
      file(R"({"type":"BPE","vocab":{"a":0,"b":0,"ab":0},"merges":[["a","b"],["ab","ab"]]})", bert, "null"),
      file(R"({"type":"BPE","continuing_subword_prefix":"\u00e9\u00e9","vocab":{"a":0,"b":1},"merges":["a b"]})", bert, "null"),
      file(R"({"type":"Unigram","unk_id":0,"byte_fallback":true,"vocab":[["u",0],["H",-1.5],["el",-2],["lo",-2],["l",-3e300],["<0x2C>",0],["",1],["el",-1]]})",
           "null", "null", added),
      file(R"({"type":"Unigram","unk_id":7,"vocab":[["u",0]]})", "null", "null"),
      file(R"({"type":"Unigram","unk_id":null,"vocab":[]})", "null", "null"),
      file(R"({"unk_id":0,"vocab":[["u",0,1],["a"],"b"]})", "null", "null"),
      file(R"({"type":"WordLevel","unk_token":"u","vocab":{"u":3,"hello":16777216}})", bert, "null"),
  };
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace berth;
  try {
    const auto tokenizer = tokenizer::Tokenizer::from_json({reinterpret_cast<const char*>(data), size}, "fuzz.json");
    tokenizer::EncodeOptions options;
    options.truncation = tokenizer::Truncation{.max_length = 16, .stride = 1};
    options.keep_overflow = true;
    for (const std::string_view text : {"Hello, w\xC3\xB6rld [MASK] [CLS]  un\xCC\x81"
                                        "affable \xE6\x88\x91\xE7\x88\xB1 </s><mask>",
                                        "", " "}) {
      const auto encoding = tokenizer.encode(text);
      for (const auto id : encoding.ids) {
        if (id < 0 || id > tokenizer.max_id()) __builtin_trap();
      }
      tokenizer.encode(text, text, options);
    }
  } catch (const base::Error&) {}
  return 0;
}
