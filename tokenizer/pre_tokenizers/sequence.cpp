// Sequence: pre-tokenizers one after another, each splitting the words of the one before.
#include "tokenizer/pre_tokenizers/pre_tokenizers.hpp"

namespace berth::tokenizer {
namespace {

class PreTokenizerSequence final : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(std::vector<std::unique_ptr<PreTokenizer>> parts) : parts_(std::move(parts)) {}
  void apply(WordText& text) const override {
    for (const auto& part : parts_) part->apply(text);
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> parts_;
};

}  // namespace

std::unique_ptr<PreTokenizer> load_pre_tokenizer_sequence(const StageSource& source) {
  std::vector<std::unique_ptr<PreTokenizer>> parts;
  const base::Json& list = source.array("pretokenizers");
  for (std::size_t i = 0; i < list.size(); ++i) {
    parts.push_back(make_pre_tokenizer(source.child(list[i], ".pretokenizers[" + std::to_string(i) + "]")));
  }
  return std::make_unique<PreTokenizerSequence>(std::move(parts));
}

}  // namespace berth::tokenizer
