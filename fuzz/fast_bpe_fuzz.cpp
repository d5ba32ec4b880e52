// Any bytes as the files of PhoBERT's or BERTweet's tokenizer. The input is cut at bytes 0xFE into vocab.txt, bpe.codes and tokenizer_config.json, of
// which the last takes what is left. Loading gives an error, or a tokenizer that works.
#include <array>
#include <filesystem>

#include "fuzz/directory.hpp"
#include "fuzz/fuzz.hpp"
#include "tokenizer/tokenizer.hpp"

namespace {

using namespace berth;

constexpr char kCut = '\xfe';
constexpr std::array kFiles = {"vocab.txt", "bpe.codes", "tokenizer_config.json"};

void write_files(std::string_view input) {
  for (std::size_t i = 0; i < kFiles.size(); ++i) {
    const std::size_t end = i + 1 == kFiles.size() ? input.size() : std::min(input.find(kCut), input.size());
    fuzz::directory().write(kFiles[i], input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
  }
}

std::string pack(const std::string& vocab, const std::string& codes, const std::string& config) { return vocab + kCut + codes + kCut + config; }

void use(const tokenizer::Tokenizer& made) {
  const std::string text = "ab aab\nb\u00e9 <mask></s>a</w> \U0001F600" + std::string(40, 'a') + "\n\x1c";
  const auto encoding = made.encode(text, text);
  const std::size_t code_points = base::count_code_points(text);
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    const auto [begin, end] = encoding.offsets[i];
    fuzz::require(begin <= end && end <= code_points, "offsets outside the text");
    fuzz::require(encoding.ids[i] >= 0 && encoding.ids[i] <= made.max_id(), "an id beyond the largest");
  }
  fuzz::require(base::find_invalid_utf8(made.decode(encoding.ids, false)) == std::string::npos, "decoded text that is not UTF-8");
}

}  // namespace

std::vector<std::string> berth::fuzz::seeds() {
  const std::string vocab = "ab 9\na@@ 8\nb 7\nb\u00e9@@ 6\n\U0001F600@@ 5\na</w> 4\n", codes = "a b</w> 9\na a 8\naa a 7\n< / 6\n</ w 5\nb \u00e9 4\n";
  const std::string phobert = R"({"tokenizer_class":"PhobertTokenizer"})";
  return {
      pack(vocab, codes, phobert),
      pack(vocab + "ab 1\n<s> 1\nc 1\n<mask> 1\n", codes + "a b</w> 1\na b\n\n x \xc2\xa0 y 1\n",
           R"({"tokenizer_class":"BertweetTokenizer","normalization":false})"),
      pack("a b c 1\r\n  1\r\n", "a\tb 1\r\nab ab 1", R"({"normalization":true})"),
      pack("", "", R"({"tokenizer_class":"PhobertTokenizer","bos_token":"","pad_token":"</s>","mask_token":{"content":"a","rstrip":true}})"),
      pack("\xff 1\n",
           "\xef\xbb\xbf"
           "a b 1\n",
           R"({"tokenizer_class":"PhobertTokenizer","added_tokens_decoder":{"3":{"content":"ab"},"70":{"content":"b"}}})"),
  };
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  write_files({reinterpret_cast<const char*>(data), size});
  fuzz::only_errors([] { use(tokenizer::Tokenizer::load(fuzz::directory().path())); });
  return 0;
}
