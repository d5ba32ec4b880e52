// Replace: every match of a pattern becomes a fixed text, which has the origin of the last code point it replaces.
#include "base/utf8.hpp"
#include "tokenizer/normalizers/normalizers.hpp"
#include "tokenizer/pattern.hpp"
#include "tokenizer/rewriter.hpp"

namespace berth::tokenizer {
namespace {

constexpr std::size_t kMaxContent = 1024;

class Replace final : public Normalizer {
 public:
  Replace(std::unique_ptr<Pattern> pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}

  void apply(TextView in, NormalizedText& out, NormalizerScratch& scratch) const override {
    scratch.matches.clear();
    if (!in.text.empty()) pattern_->find(in.text, scratch.matches);
    Rewriter rewriter(in, out);
    for (const Span& match : scratch.matches) {
      rewriter.copy_until(match.begin);
      rewriter.drop_until(match.end);
      for (std::size_t at = 0; at < content_.size();) {
        const base::CodePoint c = base::decode_utf8(content_, at);
        rewriter.put(c.value, 1);
        at += c.length;
      }
    }
    rewriter.copy_until(in.text.size());
  }

 private:
  std::unique_ptr<Pattern> pattern_;
  std::string content_;
};

}  // namespace

std::unique_ptr<Normalizer> load_replace(const StageSource& source) {
  std::string content = source.text("content");
  if (content.size() > kMaxContent) source.object.fail("content", "expected at most " + std::to_string(kMaxContent) + " bytes");
  return std::make_unique<Replace>(load_pattern(source, "pattern"), std::move(content));
}

}  // namespace berth::tokenizer
