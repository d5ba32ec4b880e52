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

std::optional<PostProcessor> class_frame(const DirectoryConfig& files, const std::function<std::optional<std::int32_t>(std::string_view)>& id_of) {
  const base::JsonObject& config = files.tokenizer();
  const FramingClass* row = files.fitting_class(kFramingClasses);
  if (row == nullptr || (!config.has("add_bos_token") && !config.has("add_eos_token"))) return std::nullopt;
  PostProcessor result;
  // Text, with what stands around it, of one type.
  const auto add_text = [&](std::vector<PostProcessor::Piece>& pieces, int sequence, std::optional<std::int32_t> bos, std::optional<std::int32_t> eos) {
    if (bos) pieces.push_back({-1, {*bos}, sequence});
    pieces.push_back({sequence, {}, sequence});
    if (eos) pieces.push_back({-1, {*eos}, sequence});
  };
  std::optional<std::int32_t> bos, eos;
  if (config.boolean_or("add_bos_token", true) && !(bos = id_of(files.role("bos_token", special_token(row->bos)).content))) return std::nullopt;
  if (config.boolean_or("add_eos_token", false) && !(eos = id_of(files.role("eos_token", special_token(row->eos)).content))) return std::nullopt;
  add_text(result.single, 0, bos, eos);
  add_text(result.pair, 0, bos, eos);
  add_text(result.pair, 1, bos, eos);
  return result;
}

}  // namespace berth::tokenizer
