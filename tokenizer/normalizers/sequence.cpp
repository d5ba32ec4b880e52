// Sequence: normalizers one after another.
#include "tokenizer/normalizers/normalizers.hpp"

namespace berth::tokenizer {
namespace {

constexpr std::size_t kMaxParts = 256;

class NormalizerSequence final : public Normalizer {
 public:
  explicit NormalizerSequence(std::vector<std::unique_ptr<Normalizer>> parts) : parts_(std::move(parts)) {}

  void apply(TextView in, NormalizedText& out, NormalizerScratch& scratch) const override {
    if (parts_.empty()) return copy_text(in, out);
    TextView current = in;
    for (const auto& part : parts_) {
      scratch.between.clear();
      part->apply(current, scratch.between, scratch);
      std::swap(out, scratch.between);
      current = out.view(in.first);
    }
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> parts_;
};

// The parts of sequences within sequences are put in one list: there is only one scratch text.
void load_parts(const StageSource& source, std::vector<std::unique_ptr<Normalizer>>& parts) {
  const base::Json& list = source.array("normalizers");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const StageSource child = source.child(list[i], ".normalizers[" + std::to_string(i) + "]");
    if (child.type() == "Sequence" || (child.type().empty() && child.object.has("normalizers"))) {
      load_parts(child, parts);
    } else {
      parts.push_back(make_normalizer(child));
    }
    if (parts.size() > kMaxParts) source.object.fail("normalizers", "expected at most " + std::to_string(kMaxParts) + " parts");
  }
}

}  // namespace

std::unique_ptr<Normalizer> load_normalizer_sequence(const StageSource& source) {
  std::vector<std::unique_ptr<Normalizer>> parts;
  load_parts(source, parts);
  return std::make_unique<NormalizerSequence>(std::move(parts));
}

}  // namespace berth::tokenizer
