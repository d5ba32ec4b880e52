// The loaders of the normalizer types; stages.cpp lists them.
#pragma once

#include <memory>
#include <optional>

#include "tokenizer/stages.hpp"

namespace berth::tokenizer {

struct BertNormalizerOptions {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  std::optional<bool> strip_accents;  // absent: as lowercase
  bool lowercase = true;
};
std::unique_ptr<Normalizer> make_bert_normalizer(const BertNormalizerOptions& options);

std::unique_ptr<Normalizer> load_bert_normalizer(const StageSource& source);
std::unique_ptr<Normalizer> load_lowercase(const StageSource& source);
std::unique_ptr<Normalizer> load_nfc(const StageSource& source);
std::unique_ptr<Normalizer> load_nfd(const StageSource& source);
std::unique_ptr<Normalizer> load_nfkc(const StageSource& source);
std::unique_ptr<Normalizer> load_nfkd(const StageSource& source);
std::unique_ptr<Normalizer> load_strip_accents(const StageSource& source);
std::unique_ptr<Normalizer> load_strip(const StageSource& source);
std::unique_ptr<Normalizer> load_replace(const StageSource& source);
std::unique_ptr<Normalizer> load_prepend(const StageSource& source);
std::unique_ptr<Normalizer> load_precompiled(const StageSource& source);
std::unique_ptr<Normalizer> load_nmt(const StageSource& source);
std::unique_ptr<Normalizer> load_byte_level_normalizer(const StageSource& source);
std::unique_ptr<Normalizer> load_normalizer_sequence(const StageSource& source);

}  // namespace berth::tokenizer
