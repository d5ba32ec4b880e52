#include "tokenizer/stages.hpp"

#include <array>
#include <span>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "tokenizer/decoders/decoders.hpp"
#include "tokenizer/models/models.hpp"
#include "tokenizer/normalizers/normalizers.hpp"
#include "tokenizer/post_processors/post_processors.hpp"
#include "tokenizer/pre_tokenizers/pre_tokenizers.hpp"

namespace berth::tokenizer {
namespace {

template <class Load>
struct Row {
  std::string_view type;
  Load load;
};
template <class Load>
Row(std::string_view, Load) -> Row<Load>;  // clang 14 does not deduce it for aggregates

// The tables of known types: a new type is a new file and a row here.
constexpr std::array kNormalizers = {
    Row{"BertNormalizer", &load_bert_normalizer},
    Row{"Lowercase", &load_lowercase},
    Row{"NFC", &load_nfc},
    Row{"NFD", &load_nfd},
    Row{"NFKC", &load_nfkc},
    Row{"NFKD", &load_nfkd},
    Row{"StripAccents", &load_strip_accents},
    Row{"Strip", &load_strip},
    Row{"Replace", &load_replace},
    Row{"Prepend", &load_prepend},
    Row{"Precompiled", &load_precompiled},
    Row{"Nmt", &load_nmt},
    Row{"ByteLevel", &load_byte_level_normalizer},
    Row{"Sequence", &load_normalizer_sequence},
};
constexpr std::array kPreTokenizers = {
    Row{"BertPreTokenizer", &load_bert_pre_tokenizer},
    Row{"ByteLevel", &load_byte_level_pre_tokenizer},
    Row{"Metaspace", &load_metaspace},
    Row{"Whitespace", &load_whitespace},
    Row{"WhitespaceSplit", &load_whitespace_split},
    Row{"Punctuation", &load_punctuation},
    Row{"Digits", &load_digits},
    Row{"Split", &load_split},
    Row{"CharDelimiterSplit", &load_char_delimiter_split},
    Row{"UnicodeScripts", &load_unicode_scripts},
    Row{"FixedLength", &load_fixed_length},
    Row{"Sequence", &load_pre_tokenizer_sequence},
};
constexpr std::array kModels = {
    Row{"WordPiece", &load_wordpiece},
    Row{"Unigram", &load_unigram},
    Row{"BPE", &load_bpe},
    Row{"WordLevel", &load_wordlevel},
};
constexpr std::array kPostProcessors = {
    Row{"TemplateProcessing", &load_template_processing}, Row{"BertProcessing", &load_bert_processing},   Row{"RobertaProcessing", &load_roberta_processing},
    Row{"ByteLevel", &load_byte_level_processing},        Row{"Sequence", &load_post_processor_sequence},
};

constexpr std::array kDecoders = {
    Row{"WordPiece", &load_wordpiece_decoder},
    Row{"ByteLevel", &load_byte_level_decoder},
    Row{"Metaspace", &load_metaspace_decoder},
    Row{"ByteFallback", &load_byte_fallback_decoder},
    Row{"Fuse", &load_fuse_decoder},
    Row{"Replace", &load_replace_decoder},
    Row{"Strip", &load_strip_decoder},
    Row{"BPEDecoder", &load_bpe_decoder},
    Row{"CTC", &load_ctc_decoder},
    Row{"Sequence", &load_decoder_sequence},
};

template <class Rows>
auto find_type(const Rows& rows, const StageSource& source, std::string_view type) {
  std::string known;
  for (const auto& row : rows) {
    if (row.type == type) return row.load;
    known += (known.empty() ? "" : ", ") + std::string(row.type);
  }
  throw base::Error(base::ErrorCode::unsupported,
                    source.object.label() + ": field \"" + source.path + ".type\": " + base::quoted(type) + " is not supported; known types: " + known);
}

// Files written before every stage had a "type" are told apart by their fields, in the order the reference tries them.
std::string model_type(const StageSource& source, const VocabularyEntries& entries) {
  if (std::string type = source.type(); !type.empty()) return type;
  const base::Json& model = source.object.json();
  const auto has = [&](const char* key) { return model.contains(key); };
  if (has("vocab") && has("merges")) return "BPE";
  if (has("vocab") && has("unk_token") && has("continuing_subword_prefix") && has("max_input_chars_per_word")) return "WordPiece";
  if (has("vocab") && has("unk_token") && !entries.is_array) return "WordLevel";
  if (has("vocab") && entries.is_array) return "Unigram";
  source.fail(".type", "missing, and the other fields fit no known model");
}

std::string normalizer_type(const StageSource& source) {
  if (std::string type = source.type(); !type.empty()) return type;
  const base::Json& value = source.object.json();
  if (value.contains("clean_text") && value.contains("handle_chinese_chars") && value.contains("lowercase")) return "BertNormalizer";
  if (value.contains("normalizers")) return "Sequence";
  source.fail(".type", "missing, and the other fields fit no known normalizer");
}

std::string post_processor_type(const StageSource& source) {
  if (std::string type = source.type(); !type.empty()) return type;
  const base::Json& value = source.object.json();
  if (value.contains("sep") && value.contains("cls")) return value.contains("trim_offsets") ? "RobertaProcessing" : "BertProcessing";
  if (value.contains("single") && value.contains("pair")) return "TemplateProcessing";
  source.fail(".type", "missing, and the other fields fit no known post-processor");
}

}  // namespace

std::string StageSource::type() const { return object.string_or("type", ""); }

StageSource StageSource::child(const base::Json& value, const std::string& path_suffix) const {
  return {base::JsonObject(value, object.label(), path + path_suffix), path + path_suffix};
}

void StageSource::fail(const std::string& field, const std::string& problem) const {
  throw base::Error(base::ErrorCode::corrupt_file, object.label() + ": field \"" + path + field + "\": " + problem);
}

bool StageSource::boolean(const char* key) const {
  if (!object.has(key)) object.fail(key, "expected true or false");
  return object.boolean_or(key, false);
}

const base::Json& StageSource::array(const char* key) const {
  const base::Json* value = object.find(key);
  if (value == nullptr || !value->is_array()) object.fail(key, "expected a list");
  return *value;
}

std::string StageSource::text(const char* key) const {
  std::string text = object.string(key);
  if (text.size() > kMaxTokenBytes) object.fail(key, "expected at most " + std::to_string(kMaxTokenBytes) + " bytes");
  return text;
}

char32_t StageSource::character(const char* key) const {
  const std::string text = object.string(key);
  if (text.empty() || base::decode_utf8(text, 0).length != text.size()) object.fail(key, "expected one character");
  return base::decode_utf8(text, 0).value;
}

std::vector<std::pair<std::string_view, std::vector<std::string_view>>> supported_stages() {
  const auto types = [](const auto& rows) {
    std::vector<std::string_view> result;
    for (const auto& row : rows) result.push_back(row.type);
    return result;
  };
  return {{"normalizer", types(kNormalizers)},
          {"pre_tokenizer", types(kPreTokenizers)},
          {"model", types(kModels)},
          {"post_processor", types(kPostProcessors)},
          {"decoder", types(kDecoders)}};
}

std::unique_ptr<Normalizer> make_normalizer(const StageSource& source) { return find_type(kNormalizers, source, normalizer_type(source))(source); }

std::unique_ptr<PreTokenizer> make_pre_tokenizer(const StageSource& source) { return find_type(kPreTokenizers, source, source.type())(source); }

std::unique_ptr<Model> make_model(const StageSource& source, ModelData data) {
  const std::string type = model_type(source, data.vocabulary);
  return find_type(kModels, source, type)(source, std::move(data));
}

PostProcessor make_post_processor(const StageSource& source) { return find_type(kPostProcessors, source, post_processor_type(source))(source); }

std::unique_ptr<Decoder> make_decoder(const StageSource& source) { return find_type(kDecoders, source, source.type())(source); }

void copy_text(TextView in, NormalizedText& out) {
  out.text.assign(in.text);
  out.origin.resize(in.text.size());
  Offset code_point = in.first;
  for (std::size_t i = 0; i < in.text.size(); ++i) {
    if (i > 0 && (static_cast<unsigned char>(in.text[i]) & 0xC0) != 0x80) ++code_point;
    out.origin[i] = in.origin != nullptr ? in.origin[i] : code_point;
  }
}

}  // namespace berth::tokenizer
