// Sequence: normalizers one after another.
#include "tokenizer/normalizers/normalizers.hpp"

namespace berth::tokenizer {
namespace {

class NormalizerSequence final : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<Normalizer>> parts) : parts_(std::move(parts)) {}

  void apply(TextView in, NormalizedText& out) const override {
    if (parts_.empty()) return copy_text(in, out);
    NormalizedText other;
    TextView current = in;
    for (const auto& part : parts_) {
      other.clear();
      part->apply(current, other);
      std::swap(out.text, other.text);
      std::swap(out.origin, other.origin);
      current = out.view();
    }
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

}  // namespace

std::unique_ptr<Normalizer> load_normalizer_sequence(const StageSource& source) {
  std::vector<std::unique_ptr<Normalizer>> parts;
  const base::Json& list = source.array("normalizers");
  for (std::size_t i = 0; i < list.size(); ++i) {
    parts.push_back(make_normalizer(source.child(list[i], ".normalizers[" + std::to_string(i) + "]")));
  }
  return std::make_unique<NormalizerSequence>(std::move(parts));
}

}  // namespace berth::tokenizer
