// Prepend: puts a text before every text that is not empty; its first code point takes the place of the text's first one, so far as offsets go.
#include "base/utf8.hpp"
#include "tokenizer/normalizers/normalizers.hpp"
#include "tokenizer/rewriter.hpp"

namespace berth::tokenizer {
namespace {

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string text) : text_(std::move(text)) {}

  void apply(TextView in, NormalizedText& out, NormalizerScratch&) const override {
    if (in.text.empty()) return;
    Rewriter rewriter(in, out);
    for (std::size_t at = 0; at < text_.size();) {
      const base::CodePoint c = base::decode_utf8(text_, at);
      rewriter.put(c.value, at == 0 ? 0 : 1);
      at += c.length;
    }
    const base::CodePoint first = base::decode_utf8(in.text, 0);
    rewriter.put(first.value, 1);
    rewriter.drop_until(first.length);
    rewriter.copy_until(in.text.size());
  }

 private:
  std::string text_;
};

}  // namespace

std::unique_ptr<Normalizer> load_prepend(const StageSource& source) { return std::make_unique<Prepend>(source.text("prepend")); }

}  // namespace berth::tokenizer
