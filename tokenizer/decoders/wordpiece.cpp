// WordPiece and CTC.
#include <algorithm>

#include "tokenizer/decoders/decoders.hpp"
#include "tokenizer/decoders/text_replacer.hpp"

namespace berth::tokenizer {
namespace {

class WordPieceDecoder final : public Decoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}

  void apply(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i > 0 && token.starts_with(prefix_)) {
        token.erase(0, prefix_.size());
      } else if (i > 0) {
        token.insert(0, 1, ' ');
      }
      if (cleanup_) clean_up(token);
    }
  }

 private:
  std::string prefix_;
  bool cleanup_;
};

class CtcDecoder final : public Decoder {
 public:
  CtcDecoder(const std::string& pad, const std::string& delimiter, bool cleanup)
      : pad_(make_literal(pad), ""), delimiter_(make_literal(delimiter), " "), cleanup_(cleanup) {}

  void apply(std::vector<std::string>& tokens) const override {
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    for (std::string& token : tokens) {
      pad_.apply(token);
      if (!cleanup_) continue;
      clean_up(token);
      delimiter_.apply(token);
    }
    std::erase(tokens, "");
  }

 private:
  TextReplacer pad_;
  TextReplacer delimiter_;
  bool cleanup_;
};

}  // namespace

void clean_up(std::string& text) {
  static const TextReplacer kRules[] = {{" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
                                        {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  if (text.find(' ') == std::string::npos) return;
  for (const TextReplacer& rule : kRules) rule.apply(text);
}

std::unique_ptr<Decoder> make_wordpiece_decoder(std::string prefix, bool cleanup) { return std::make_unique<WordPieceDecoder>(std::move(prefix), cleanup); }

std::unique_ptr<Decoder> load_wordpiece_decoder(const StageSource& source) { return make_wordpiece_decoder(source.text("prefix"), source.boolean("cleanup")); }

std::unique_ptr<Decoder> load_ctc_decoder(const StageSource& source) {
  return std::make_unique<CtcDecoder>(source.text("pad_token"), source.text("word_delimiter_token"), source.boolean("cleanup"));
}

}  // namespace berth::tokenizer
