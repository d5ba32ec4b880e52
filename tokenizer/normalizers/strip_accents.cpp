// StripAccents: drops combining marks.
#include "base/utf8.hpp"
#include "tokenizer/normalizers/normalizers.hpp"
#include "tokenizer/rewriter.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

class StripAccents final : public Normalizer {
 public:
  void apply(TextView in, NormalizedText& out, NormalizerScratch&) const override {
    Rewriter rewriter(in, out);
    for (std::size_t at = 0; at < in.text.size();) {
      if (static_cast<unsigned char>(in.text[at]) < 0x80) {
        ++at;
        continue;
      }
      const base::CodePoint c = base::decode_utf8(in.text, at);
      if (chars_.has(c.value, kMark)) {
        rewriter.copy_until(at);
        rewriter.drop_until(at + c.length);
      }
      at += c.length;
    }
    rewriter.copy_until(in.text.size());
  }

 private:
  const CharTable& chars_ = CharTable::instance();
};

}  // namespace

std::unique_ptr<Normalizer> load_strip_accents(const StageSource&) { return std::make_unique<StripAccents>(); }

}  // namespace berth::tokenizer
