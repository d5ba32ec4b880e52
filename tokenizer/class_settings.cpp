#include "tokenizer/class_settings.hpp"

#include "tokenizer/classes.hpp"

namespace berth::tokenizer {
namespace {

// The stage `key` of the document when it is of this type, else null.
base::Json* stage_of_type(base::Json& document, const char* key, const char* type) {
  const auto stage = document.find(key);
  if (stage == document.end() || !stage->is_object()) return nullptr;
  const auto found = stage->find("type");
  return found != stage->end() && *found == type ? &*stage : nullptr;
}

bool prefix_space(const base::JsonObject& config) { return config.boolean_or("add_prefix_space", false); }

}  // namespace

BertNormalizerOptions bert_settings(const base::JsonObject& config) {
  BertNormalizerOptions options;
  options.lowercase = config.boolean_or("do_lower_case", true);
  options.handle_chinese_chars = config.boolean_or("tokenize_chinese_chars", true);
  if (config.has("strip_accents")) options.strip_accents = config.boolean_or("strip_accents", false);
  return options;
}

void apply_class_settings(base::Json& document, const DirectoryConfig& files) {
  const base::JsonObject& config = files.tokenizer();
  if (!document.is_object() || config.json().empty()) return;
  if (const WordPieceClass* row = files.fitting_class(kWordPieceClasses)) {
    base::Json* normalizer = stage_of_type(document, "normalizer", "BertNormalizer");
    if (normalizer == nullptr) return;
    const BertNormalizerOptions options = bert_settings(config);
    (*normalizer)["lowercase"] = options.lowercase;
    (*normalizer)["strip_accents"] = options.strip_accents ? base::Json(*options.strip_accents) : base::Json();
    if (row->family != WordPieceFamily::mpnet) (*normalizer)["handle_chinese_chars"] = options.handle_chinese_chars;
    return;
  }
  const BytePairClass* row = files.fitting_class(kBytePairClasses);
  if (row == nullptr || row->family == BytePairFamily::herbert) return;
  if (base::Json* words = stage_of_type(document, "pre_tokenizer", "ByteLevel")) (*words)["add_prefix_space"] = prefix_space(config);
  if (base::Json* post = stage_of_type(document, "post_processor", "RobertaProcessing")) (*post)["add_prefix_space"] = prefix_space(config);
}

}  // namespace berth::tokenizer
