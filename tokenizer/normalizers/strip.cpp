// Strip: drops white space at the ends.
#include "base/utf8.hpp"
#include "tokenizer/normalizers/normalizers.hpp"
#include "tokenizer/rewriter.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}

  void apply(TextView in, NormalizedText& out, NormalizerScratch&) const override {
    const CharTable& chars = CharTable::instance();
    std::size_t begin = 0;
    std::size_t end = in.text.size();
    while (left_ && begin < end) {
      const base::CodePoint c = base::decode_utf8(in.text, begin);
      if (!chars.has(c.value, kSpace)) break;
      begin += c.length;
    }
    while (right_ && end > begin) {
      std::size_t last = end - 1;
      while ((static_cast<unsigned char>(in.text[last]) & 0xC0) == 0x80) --last;
      if (!chars.has(base::decode_utf8(in.text, last).value, kSpace)) break;
      end = last;
    }
    Rewriter rewriter(in, out);
    rewriter.drop_until(begin);
    rewriter.copy_until(end);
  }

 private:
  bool left_;
  bool right_;
};

}  // namespace

std::unique_ptr<Normalizer> load_strip(const StageSource& source) {
  return std::make_unique<Strip>(source.boolean("strip_left"), source.boolean("strip_right"));
}

}  // namespace berth::tokenizer
