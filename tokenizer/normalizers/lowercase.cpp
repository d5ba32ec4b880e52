// Lowercase: the full lower case of every code point, without context.
#include "base/utf8.hpp"
#include "tokenizer/normalizers/normalizers.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

class Lowercase final : public Normalizer {
 public:
  void apply(TextView in, NormalizedText& out, NormalizerScratch&) const override {
    const CharTable& chars = CharTable::instance();
    NormalizedWriter writer(out);
    writer.reserve(in.text.size() + 16);
    Offset running = in.first;
    for (std::size_t at = 0; at < in.text.size();) {
      const base::CodePoint c = base::decode_utf8(in.text, at);
      const Offset origin = in.origin != nullptr ? in.origin[at] : running;
      if (chars.has(c.value, kLowercases)) {
        for (const char32_t lower : lower_case(c.value)) writer.put(lower, origin);
      } else {
        writer.put(c.value, origin);
      }
      ++running;
      at += c.length;
    }
  }
};

}  // namespace

std::unique_ptr<Normalizer> load_lowercase(const StageSource&) { return std::make_unique<Lowercase>(); }

}  // namespace berth::tokenizer
