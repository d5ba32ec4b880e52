// ByteLevel as a normalizer: every byte as a code point of the byte-level alphabet.
#include "tokenizer/byte_alphabet.hpp"
#include "tokenizer/normalizers/normalizers.hpp"

namespace berth::tokenizer {
namespace {

class ByteLevelNormalizer final : public Normalizer {
 public:
  void apply(TextView in, NormalizedText& out, NormalizerScratch& scratch) const override {
    const Offset* origin = in.origin;
    if (origin == nullptr) {
      copy_text(in, scratch.raw);
      origin = scratch.raw.origin.data();
    }
    NormalizedWriter writer(out);
    put_byte_forms(in.text, origin, writer);
  }
};

}  // namespace

std::unique_ptr<Normalizer> load_byte_level_normalizer(const StageSource&) { return std::make_unique<ByteLevelNormalizer>(); }

}  // namespace berth::tokenizer
