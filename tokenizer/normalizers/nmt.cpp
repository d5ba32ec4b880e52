// Nmt: drops some control characters and makes plain spaces of others, as the Moses scripts of machine translation do.
#include "base/utf8.hpp"
#include "tokenizer/normalizers/normalizers.hpp"
#include "tokenizer/rewriter.hpp"

namespace berth::tokenizer {
namespace {

bool is_dropped(char32_t c) { return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F; }

bool is_space(char32_t c) {
  return c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 || (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
         c == 0xFEFF || c == 0xFFFD;
}

class Nmt final : public Normalizer {
 public:
  void apply(TextView in, NormalizedText& out, NormalizerScratch&) const override {
    Rewriter rewriter(in, out);
    for (std::size_t at = 0; at < in.text.size();) {
      const base::CodePoint c = base::decode_utf8(in.text, at);
      if (is_dropped(c.value)) {
        rewriter.copy_until(at);
        rewriter.drop_until(at + c.length);
      } else if (is_space(c.value)) {
        rewriter.copy_until(at);
        rewriter.put(U' ', 0);
      }
      at += c.length;
    }
    rewriter.copy_until(in.text.size());
  }
};

}  // namespace

std::unique_ptr<Normalizer> load_nmt(const StageSource&) { return std::make_unique<Nmt>(); }

}  // namespace berth::tokenizer
