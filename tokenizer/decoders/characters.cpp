// Metaspace, Replace, Strip, BPEDecoder, fastBPE's, Fuse and Sequence.
#include <limits>

#include "base/utf8.hpp"
#include "tokenizer/decoders/decoders.hpp"
#include "tokenizer/decoders/text_replacer.hpp"
#include "tokenizer/models/models.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

std::string utf8(char32_t c) {
  char text[4];
  return {text, put_utf8(text, c)};
}

class MetaspaceDecoder final : public Decoder {
 public:
  MetaspaceDecoder(char32_t mark, bool prepended) : mark_(make_literal(utf8(mark)), " "), prepended_(prepended) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) mark_.apply(tokens[i], i == 0 && prepended_ ? "" : " ");
  }

 private:
  TextReplacer mark_;
  bool prepended_;
};

class ReplaceDecoder final : public Decoder {
 public:
  explicit ReplaceDecoder(TextReplacer replacer) : replacer_(std::move(replacer)) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      if (!token.empty()) replacer_.apply(token);
    }
  }

 private:
  TextReplacer replacer_;
};

class StripDecoder final : public Decoder {
 public:
  StripDecoder(char32_t content, std::int64_t start, std::int64_t stop) : content_(utf8(content)), start_(start), stop_(stop) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      std::string_view text = token;
      for (std::int64_t i = 0; i < start_ && text.starts_with(content_); ++i) text.remove_prefix(content_.size());
      for (std::int64_t i = 0; i < stop_ && text.ends_with(content_); ++i) text.remove_suffix(content_.size());
      token = std::string(text);
    }
  }

 private:
  std::string content_;
  std::int64_t start_;
  std::int64_t stop_;
};

class BpeDecoder final : public Decoder {
 public:
  explicit BpeDecoder(const std::string& suffix) : suffix_(make_literal(suffix), " ") {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) suffix_.apply(tokens[i], i + 1 == tokens.size() ? "" : " ");
  }

 private:
  TextReplacer suffix_;
};

// As convert_tokens_to_string of PhoBERT's class: it is the space after the mark that joins, so the last token keeps its own.
class FastBpeDecoder final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::string all;
    for (const std::string& token : tokens) all.append(&token == &tokens.front() ? "" : " ").append(token);
    mark_.apply(all);
    tokens.assign(1, std::string(strip_python_space(all)));
  }

 private:
  TextReplacer mark_{make_literal(std::string(kFastBpeContinues) + " "), ""};
};

class FuseDecoder final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::string all;
    for (const std::string& token : tokens) all += token;
    tokens.assign(1, std::move(all));
  }
};

class DecoderSequence final : public Decoder {
 public:
  explicit DecoderSequence(std::vector<std::unique_ptr<Decoder>> parts) : parts_(std::move(parts)) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (const auto& part : parts_) part->apply(tokens);
  }

 private:
  std::vector<std::unique_ptr<Decoder>> parts_;
};

}  // namespace

std::unique_ptr<Decoder> load_metaspace_decoder(const StageSource& source) {
  const bool never = source.object.string_or("prepend_scheme", "always") == "never" || !source.object.boolean_or("add_prefix_space", true);
  return std::make_unique<MetaspaceDecoder>(source.character("replacement"), !never);
}

std::unique_ptr<Decoder> load_replace_decoder(const StageSource& source) {
  return std::make_unique<ReplaceDecoder>(TextReplacer(load_pattern(source, "pattern"), source.text("content")));
}

std::unique_ptr<Decoder> load_strip_decoder(const StageSource& source) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  return std::make_unique<StripDecoder>(source.character("content"), source.object.integer("start", 0, kMax), source.object.integer("stop", 0, kMax));
}

std::unique_ptr<Decoder> load_bpe_decoder(const StageSource& source) { return std::make_unique<BpeDecoder>(source.text("suffix")); }
std::unique_ptr<Decoder> make_fast_bpe_decoder() { return std::make_unique<FastBpeDecoder>(); }
std::unique_ptr<Decoder> load_fuse_decoder(const StageSource&) { return std::make_unique<FuseDecoder>(); }

std::unique_ptr<Decoder> load_decoder_sequence(const StageSource& source) {
  std::vector<std::unique_ptr<Decoder>> parts;
  const base::Json& list = source.array("decoders");
  for (std::size_t i = 0; i < list.size(); ++i) parts.push_back(make_decoder(source.child(list[i], ".decoders[" + std::to_string(i) + "]")));
  return std::make_unique<DecoderSequence>(std::move(parts));
}

}  // namespace berth::tokenizer
