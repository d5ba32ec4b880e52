// Tokenizers that were saved as a sentencepiece model without a tokenizer.json, by the rules of transformers' converters: what the class named in
// tokenizer_config.json (or the model type of config.json) makes of the pieces.
#include <array>

#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "tokenizer/directory_config.hpp"
#include "tokenizer/loading.hpp"
#include "tokenizer/models/models.hpp"
#include "tokenizer/post_processors/post_processors.hpp"
#include "tokenizer/sentencepiece_model.hpp"

namespace berth::tokenizer {
namespace {

using base::Json;

enum class Ids { as_in_file, fairseq, camembert, t5 };    // which ids the pieces get
enum class Cleaning { plain, albert, rembert, deberta };  // normalizer and pre-tokenizer
enum class Template { roberta, bert, t5 };

struct PieceClass {
  std::string_view class_name;
  std::string_view model_type;
  Ids ids;
  Cleaning cleaning;
  Template special;
};
constexpr std::array kPieceClasses = {
    PieceClass{"XLMRobertaTokenizer", "xlm-roberta", Ids::fairseq, Cleaning::plain, Template::roberta},
    PieceClass{"CamembertTokenizer", "camembert", Ids::camembert, Cleaning::plain, Template::roberta},
    PieceClass{"BarthezTokenizer", "barthez", Ids::as_in_file, Cleaning::plain, Template::roberta},
    PieceClass{"AlbertTokenizer", "albert", Ids::as_in_file, Cleaning::albert, Template::bert},
    PieceClass{"DebertaV2Tokenizer", "deberta-v2", Ids::as_in_file, Cleaning::deberta, Template::bert},
    PieceClass{"BigBirdTokenizer", "big_bird", Ids::as_in_file, Cleaning::plain, Template::bert},
    PieceClass{"RemBertTokenizer", "rembert", Ids::as_in_file, Cleaning::rembert, Template::bert},
    PieceClass{"T5Tokenizer", "t5", Ids::t5, Cleaning::plain, Template::t5},
    PieceClass{"MT5Tokenizer", "mt5", Ids::t5, Cleaning::plain, Template::t5},
};

const PieceClass& row_of(std::string_view class_name) {
  for (const PieceClass& row : kPieceClasses) {
    if (row.class_name == class_name) return row;
  }
  throw base::Error(base::ErrorCode::internal, "no such tokenizer class");
}

bool has_piece(const VocabularyEntries& pieces, std::string_view text) {
  for (const auto& entry : pieces.entries) {
    if (pieces.text(entry) == text) return true;
  }
  return false;
}

// Where nothing names the class, the file's name goes with one.
const PieceClass& guess_class(std::string_view file, const SentencePieceModel& model, const std::string& label) {
  if (file == "sentencepiece.bpe.model") return row_of("XLMRobertaTokenizer");
  if (file == "spm.model") return row_of("DebertaV2Tokenizer");
  if (file == "spiece.model") return row_of(has_piece(model.pieces, "[CLS]") ? "AlbertTokenizer" : "T5Tokenizer");
  throw base::Error(base::ErrorCode::unsupported, label +
                                                      ": which tokenizer it belongs to is unknown; tokenizer_config.json's tokenizer_class or config.json's "
                                                      "model_type would say");
}

// A comma after a digit is a token of its own for ALBERT: pieces that end so are made unattractive.
bool ends_in_number_comma(std::string_view piece) {
  if (piece.size() < 2 || !piece.ends_with(',')) return false;
  piece.remove_suffix(1);
  const auto ends = [&](std::string_view digit) { return piece.ends_with(digit); };
  return (piece.back() >= '0' && piece.back() <= '9') || ends("\u00b2") || ends("\u00b3") || ends("\u00b9");
}

VocabularyEntries lay_out(const PieceClass& row, const SentencePieceModel& model, std::int64_t extra_ids) {
  VocabularyEntries out;
  out.is_array = true;
  const auto add = [&](std::initializer_list<const char*> texts) {
    for (const char* text : texts) out.add(text, 0.0);
  };
  std::size_t skipped = 0;
  if (row.ids == Ids::fairseq) {
    add({"<s>", "<pad>", "</s>", "<unk>"});
    skipped = 3;
  } else if (row.ids == Ids::camembert) {
    add({"<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>"});
    out.add("<unk>NOTUSED", -100.0);
    skipped = 1;
  }
  for (std::size_t i = skipped; i < model.types.size(); ++i) {
    const std::string_view text = model.pieces.text(model.pieces.entries[i]);
    out.add(text, model.pieces.scores[i] - (row.cleaning == Cleaning::albert && ends_in_number_comma(text) ? 100 : 0));
  }
  if (row.ids == Ids::fairseq || row.ids == Ids::camembert) add({"<mask>"});
  if (row.ids == Ids::t5) {
    for (std::int64_t i = extra_ids; i-- > 0;) out.add("<extra_id_" + std::to_string(i) + ">", 0.0);
  }
  return out;
}

std::unique_ptr<Model> make_model(const PieceClass& row, const SentencePieceModel& file, std::int64_t extra_ids, const std::string& label) {
  VocabularyEntries pieces = lay_out(row, file, extra_ids);
  if (file.algorithm == SentencePieceModel::Algorithm::unigram) {
    const bool fixed = row.ids == Ids::fairseq || row.ids == Ids::camembert || row.class_name == "BarthezTokenizer";
    return make_unigram({.unk_id = fixed ? 3 : file.unk_id, .byte_fallback = false}, std::move(pieces), label);
  }
  if (file.algorithm != SentencePieceModel::Algorithm::bpe) {
    throw base::Error(base::ErrorCode::unsupported, label + ": only sentencepiece models of type unigram and BPE are supported");
  }
  BpeOptions options;
  options.unk_token = file.unk_piece;
  options.fuse_unk = true;
  ModelData data{{}, sentencepiece_merges(pieces, label)};
  data.vocabulary.arena = std::move(pieces.arena);
  data.vocabulary.entries = std::move(pieces.entries);
  return make_bpe(options, std::move(data), label);
}

Json replace_string(const char* from, const char* to) { return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}}; }
Json replace_spaces(const char* to) { return {{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", to}}; }

Json normalizer(Cleaning cleaning, const std::string& charsmap, const base::JsonObject& config) {
  const Json precompiled = {{"type", "Precompiled"}, {"precompiled_charsmap", base::encode_base64(charsmap)}};
  const bool lower = config.boolean_or("do_lower_case", cleaning != Cleaning::deberta);
  Json list = Json::array();
  const auto add = [&](bool wanted, Json stage) {
    if (wanted) list.push_back(std::move(stage));
  };
  if (cleaning == Cleaning::plain) {
    add(!charsmap.empty(), precompiled);
    add(true, {{"type", "Strip"}, {"strip_left", false}, {"strip_right", true}});
    add(true, replace_spaces("\u2581"));
  } else if (cleaning == Cleaning::deberta) {
    add(lower, {{"type", "Lowercase"}});
    add(true, {{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}});
    add(!charsmap.empty(), precompiled);
    add(true, replace_spaces(" "));
  } else {
    const bool keep_accents = config.boolean_or("keep_accents", false);
    add(true, replace_string("``", "\""));
    add(true, replace_string("''", "\""));
    add(cleaning == Cleaning::rembert, replace_spaces(" "));
    add(!keep_accents, {{"type", "NFKD"}});
    add(!keep_accents, {{"type", "StripAccents"}});
    add(lower, {{"type", "Lowercase"}});
    add(!charsmap.empty(), precompiled);
    add(cleaning == Cleaning::albert, replace_spaces(" "));
  }
  return {{"type", "Sequence"}, {"normalizers", list}};
}

Json metaspace(const PieceClass& row, const base::JsonObject& config) {
  const bool t5 = row.special == Template::t5;
  const char* scheme = t5 && !config.boolean_or("add_prefix_space", true) ? "never" : t5 && !config.boolean_or("legacy", true) ? "first" : "always";
  return {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", scheme}, {"split", true}};
}

Json pre_tokenizer(const PieceClass& row, const base::JsonObject& config) {
  const Json spaces = metaspace(row, config);
  if (row.cleaning != Cleaning::deberta || !config.boolean_or("split_by_punct", false)) return spaces;
  return {{"type", "Sequence"}, {"pretokenizers", {{{"type", "Punctuation"}, {"behavior", "Isolated"}}, spaces}}};
}

// The control and user-defined pieces, then the tokens of the class's roles.
std::vector<AddedToken> own_tokens(const PieceClass& row, const SentencePieceModel& model, const DirectoryConfig& files, std::int64_t extra_ids) {
  using PieceType = SentencePieceModel::PieceType;
  std::vector<AddedToken> tokens;
  for (std::size_t i = 0; i < model.types.size(); ++i) {
    if (model.types[i] != PieceType::control && model.types[i] != PieceType::user_defined) continue;
    tokens.push_back(special_token(std::string(model.pieces.text(model.pieces.entries[i]))));
    tokens.back().special = model.types[i] == PieceType::control;
  }
  const auto add = [&](const char* key, const char* text, bool lstrip = false) {
    if (AddedToken token = files.role(key, text != nullptr ? special_token(text, lstrip) : AddedToken{}); !token.content.empty())
      tokens.push_back(std::move(token));
  };
  const bool deberta = row.cleaning == Cleaning::deberta;
  const bool bert = row.special == Template::bert;
  const bool t5 = row.special == Template::t5;
  const bool big_bird = row.class_name == "BigBirdTokenizer";
  add("bos_token", t5 ? nullptr : bert && !big_bird ? "[CLS]" : "<s>");
  add("eos_token", bert && !big_bird ? "[SEP]" : "</s>");
  add("unk_token", deberta ? "[UNK]" : "<unk>");
  add("sep_token", t5 ? nullptr : bert ? "[SEP]" : "</s>");
  add("pad_token", deberta ? "[PAD]" : "<pad>");
  add("cls_token", t5 ? nullptr : bert ? "[CLS]" : "<s>");
  add("mask_token", t5 ? nullptr : bert ? "[MASK]" : "<mask>", !deberta);
  if (row.ids == Ids::camembert) {
    for (const char* text : {"<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"}) tokens.push_back(special_token(text));
  }
  for (std::int64_t i = 0; i < extra_ids; ++i) tokens.push_back(special_token("<extra_id_" + std::to_string(i) + ">"));
  return tokens;
}

PostProcessor post_processor(Template special, const AddedVocabulary& added, const std::string& label) {
  const auto id = [&](const char* text) { return added.required_id(text, label); };
  if (special == Template::bert) return bert_post_processor(id("[CLS]"), id("[SEP]"));
  if (special == Template::roberta) return xlm_roberta_post_processor(id("<s>"), id("</s>"));
  return t5_post_processor(id("</s>"));
}

}  // namespace

TokenizerParts load_sentencepiece(const std::filesystem::path& directory, const char* file) {
  const std::filesystem::path path = directory / file;
  const std::string label = base::display(path);
  const std::string bytes = base::read_file(path, kMaxTokenizerFile);
  base::reject_impostor(bytes, label);
  const SentencePieceModel model = read_sentencepiece_model(bytes, label);
  const DirectoryConfig files(directory);
  const PieceClass* named = files.find_class(kPieceClasses, file);
  const PieceClass& row = named != nullptr ? *named : guess_class(file, model, label);
  const std::int64_t extra_ids = row.ids == Ids::t5 ? files.tokenizer().integer_or("extra_ids", 100, 0, 100'000) : 0;

  const Json stages = {{"normalizer", normalizer(row.cleaning, model.charsmap, files.tokenizer())},
                       {"pre_tokenizer", pre_tokenizer(row, files.tokenizer())},
                       {"decoder", metaspace(row, files.tokenizer())}};
  TokenizerParts parts =
      assemble_parts(base::JsonObject(stages, label), make_model(row, model, extra_ids, label), files.added_tokens(own_tokens(row, model, files, extra_ids)));
  parts.post_processor = post_processor(row.special, *parts.added, label);
  return parts;
}

}  // namespace berth::tokenizer
