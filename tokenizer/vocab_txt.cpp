// The WordPiece tokenizers that were saved without a tokenizer.json: vocab.txt and a few small JSON files. The rules are those by which
// transformers turns its Python tokenizers into `tokenizers` ones.
#include <algorithm>
#include <array>
#include <map>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/utf8.hpp"
#include "tokenizer/loading.hpp"
#include "tokenizer/models/models.hpp"
#include "tokenizer/normalizers/normalizers.hpp"
#include "tokenizer/post_processors/post_processors.hpp"
#include "tokenizer/pre_tokenizers/pre_tokenizers.hpp"

namespace berth::tokenizer {
namespace {

enum class Family { bert, mpnet };

struct ClassRow {
  std::string_view name;  // tokenizer_class without "Fast"
  Family family;
};
constexpr std::array kClasses = {
    ClassRow{"BertTokenizer", Family::bert},       ClassRow{"DistilBertTokenizer", Family::bert},
    ClassRow{"ElectraTokenizer", Family::bert},    ClassRow{"MobileBertTokenizer", Family::bert},
    ClassRow{"ConvBertTokenizer", Family::bert},   ClassRow{"SqueezeBertTokenizer", Family::bert},
    ClassRow{"LxmertTokenizer", Family::bert},     ClassRow{"RetriBertTokenizer", Family::bert},
    ClassRow{"LayoutLMTokenizer", Family::bert},   ClassRow{"DPRQuestionEncoderTokenizer", Family::bert},
    ClassRow{"DPRContextEncoderTokenizer", Family::bert}, ClassRow{"MPNetTokenizer", Family::mpnet},
};

std::optional<base::Json> read_optional(const std::filesystem::path& path, std::size_t max_bytes = kMaxConfigFile) {
  if (!base::file_exists(path)) return std::nullopt;
  return base::read_json_file(path, {.max_bytes = max_bytes});
}

// The class named in tokenizer_config.json, else the one that goes with config.json's model_type, else BERT's.
Family find_family(const base::JsonObject& config, const std::filesystem::path& directory) {
  std::string name = config.string_or("tokenizer_class", "");
  if (name.empty()) {
    const auto model = read_optional(directory / "config.json");
    const bool mpnet = model && model->is_object() && model->value("model_type", base::Json()) == "mpnet";
    return mpnet ? Family::mpnet : Family::bert;
  }
  std::string_view plain = name;
  if (plain.ends_with("Fast")) plain.remove_suffix(4);
  std::string known;
  for (const ClassRow& row : kClasses) {
    if (row.name == plain) return row.family;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  throw base::Error(base::ErrorCode::unsupported, config.label() + ": field \"tokenizer_class\": " + base::quoted(name) +
                                                      " is not supported with a vocab.txt; known classes: " + known);
}

AddedToken special_token(std::string content) {
  AddedToken token;
  token.content = std::move(content);
  token.normalized = false;
  token.special = true;
  return token;
}

// "[CLS]", or {"content": "[CLS]", "lstrip": false, ...}
AddedToken read_special(const base::Json& value, const base::JsonObject& file, const char* key) {
  if (value.is_string()) return special_token(value.get<std::string>());
  if (!value.is_object()) file.fail(key, "expected a string or an object with a content");
  const base::JsonObject object(value, file.label(), key);
  AddedToken token = special_token(object.string("content"));
  token.single_word = object.boolean_or("single_word", false);
  token.lstrip = object.boolean_or("lstrip", false);
  token.rstrip = object.boolean_or("rstrip", false);
  token.normalized = object.boolean_or("normalized", false);
  return token;
}

// The role's token of tokenizer_config.json, else of special_tokens_map.json, else the class's own.
AddedToken role(const base::JsonObject& config, const std::optional<base::JsonObject>& map, const char* key, AddedToken fallback) {
  if (const base::Json* value = config.find(key)) {
    AddedToken token = read_special(*value, config, key);
    // A plain string keeps the flags that the class gives its own token of that text.
    return value->is_string() && token.content == fallback.content ? fallback : token;
  }
  if (map) {
    if (const base::Json* value = map->find(key)) return read_special(*value, *map, key);
  }
  return fallback;
}

void add_list(const base::JsonObject& file, const char* key, std::vector<AddedToken>& tokens) {
  const base::Json* list = file.find(key);
  if (list == nullptr) return;
  if (!list->is_array()) file.fail(key, "expected a list");
  for (const base::Json& value : *list) tokens.push_back(read_special(value, file, key));
}

void sort_by_id(std::vector<std::pair<std::int64_t, AddedToken>>& tokens) {
  std::stable_sort(tokens.begin(), tokens.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
}

// added_tokens_decoder: {"103": {"content": "[MASK]", ...}}; these flags come before those of the roles.
void add_decoder(const base::JsonObject& config, std::vector<AddedToken>& tokens) {
  const base::Json* decoder = config.find("added_tokens_decoder");
  if (decoder == nullptr) return;
  if (!decoder->is_object()) config.fail("added_tokens_decoder", "expected an object");
  std::vector<std::pair<std::int64_t, AddedToken>> found;
  for (const auto& [id, value] : decoder->items()) {
    const base::JsonObject object(value, config.label(), "added_tokens_decoder." + id);
    AddedToken token = read_special(value, object, "content");
    token.special = object.boolean_or("special", false);
    const bool number = !id.empty() && id.size() < 10 && std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!number || std::stoll(id) > kMaxTokenId) config.fail("added_tokens_decoder", "expected ids in [0, " + std::to_string(kMaxTokenId) + "] as keys");
    found.emplace_back(std::stoll(id), std::move(token));
  }
  sort_by_id(found);
  for (auto& [id, token] : found) tokens.push_back(std::move(token));
}

// added_tokens.json: {"[NEW]": 30522}
void add_added_tokens_file(const std::filesystem::path& path, std::vector<AddedToken>& tokens) {
  const auto json = read_optional(path);
  if (!json) return;
  const base::JsonObject file(*json, path.string());
  std::vector<std::pair<std::int64_t, AddedToken>> found;
  for (const auto& [content, id] : json->items()) {
    if (!id.is_number_integer()) file.fail(content.c_str(), "expected an id");
    AddedToken token;
    token.content = content;
    found.emplace_back(id.get<std::int64_t>(), std::move(token));
  }
  sort_by_id(found);
  for (auto& [id, token] : found) tokens.push_back(std::move(token));
}

void add_line(VocabularyEntries& entries, std::string_view line, const std::string& label) {
  const std::size_t number = entries.entries.size();
  const auto fail = [&](const std::string& problem) {
    throw base::Error(base::ErrorCode::corrupt_file, label + ": line " + std::to_string(number + 1) + ": " + problem);
  };
  if (number >= kMaxVocabularySize) fail("more than " + std::to_string(kMaxVocabularySize) + " tokens");
  if (line.size() > kMaxTokenBytes) fail("token " + base::quoted(line, 40) + " is longer than " + std::to_string(kMaxTokenBytes) + " bytes");
  entries.add(line, static_cast<std::int32_t>(number));
}

std::int32_t required_id(const AddedVocabulary& added, const AddedToken& token, const std::string& label) {
  const auto id = added.id(token.content);
  if (!id) throw base::Error(base::ErrorCode::corrupt_file, label + ": no id for the special token " + base::quoted(token.content));
  return *id;
}

// Keeps the first token of each text, so that the flags read first count.
void drop_repeated(std::vector<AddedToken>& tokens) {
  std::vector<AddedToken> kept;
  std::map<std::string, bool> seen;
  for (AddedToken& token : tokens) {
    if (seen.emplace(token.content, true).second) kept.push_back(std::move(token));
  }
  tokens = std::move(kept);
}

}  // namespace

VocabularyEntries read_vocab_lines(std::string_view text, const std::string& label) {
  if (const std::size_t bad = base::find_invalid_utf8(text); bad != std::string_view::npos) {
    throw base::Error(base::ErrorCode::corrupt_file, label + ": invalid UTF-8 at byte " + std::to_string(bad));
  }
  VocabularyEntries entries;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find_first_of("\r\n", begin), text.size());
    add_line(entries, text.substr(begin, end - begin), label);
    const bool two = end + 1 < text.size() && text[end] == '\r' && text[end + 1] == '\n';
    begin = end + (two ? 2 : 1);
  }
  return entries;
}

TokenizerParts load_vocab_txt(const std::filesystem::path& directory) {
  const std::filesystem::path vocab_path = directory / "vocab.txt";
  const std::string vocab_text = base::read_file(vocab_path, kMaxTokenizerFile);
  base::reject_impostor(vocab_text, vocab_path.string());

  const auto config_json = read_optional(directory / "tokenizer_config.json").value_or(base::Json::object());
  const base::JsonObject config(config_json, (directory / "tokenizer_config.json").string());
  const auto map_json = read_optional(directory / "special_tokens_map.json");
  std::optional<base::JsonObject> map;
  if (map_json) map.emplace(*map_json, (directory / "special_tokens_map.json").string());

  const bool mpnet = find_family(config, directory) == Family::mpnet;
  AddedToken mask = special_token(mpnet ? "<mask>" : "[MASK]");
  mask.lstrip = mpnet;
  const AddedToken unk = role(config, map, "unk_token", special_token("[UNK]"));
  const AddedToken sep = role(config, map, "sep_token", special_token(mpnet ? "</s>" : "[SEP]"));
  const AddedToken pad = role(config, map, "pad_token", special_token(mpnet ? "<pad>" : "[PAD]"));
  const AddedToken cls = role(config, map, "cls_token", special_token(mpnet ? "<s>" : "[CLS]"));
  mask = role(config, map, "mask_token", mask);

  BertNormalizerOptions normalizer;
  const bool basic = config.boolean_or("do_basic_tokenize", true);
  normalizer.lowercase = basic && config.boolean_or("do_lower_case", true);
  normalizer.handle_chinese_chars = basic && config.boolean_or("tokenize_chinese_chars", true);
  if (!basic) {
    normalizer.strip_accents = false;
  } else if (config.has("strip_accents")) {
    normalizer.strip_accents = config.boolean_or("strip_accents", false);
  }

  std::vector<AddedToken> tokens;
  add_decoder(config, tokens);
  for (const AddedToken& token : {unk, sep, pad, cls, mask}) tokens.push_back(token);
  for (const char* key : {"bos_token", "eos_token"}) {
    if (const base::Json* value = config.find(key)) tokens.push_back(read_special(*value, config, key));
  }
  add_list(config, "additional_special_tokens", tokens);
  if (map) add_list(*map, "additional_special_tokens", tokens);
  add_added_tokens_file(directory / "added_tokens.json", tokens);
  drop_repeated(tokens);

  TokenizerParts parts;
  parts.normalizer = make_bert_normalizer(normalizer);
  parts.pre_tokenizer = make_bert_pre_tokenizer();
  WordPieceOptions wordpiece;
  wordpiece.unk_token = unk.content;
  parts.model = make_wordpiece(wordpiece, read_vocab_lines(vocab_text, vocab_path.string()), vocab_path.string());
  parts.added = std::make_unique<AddedVocabulary>(std::move(tokens), parts.model->vocabulary(), parts.normalizer.get());
  const std::int32_t cls_id = required_id(*parts.added, cls, vocab_path.string());
  const std::int32_t sep_id = required_id(*parts.added, sep, vocab_path.string());
  parts.post_processor = mpnet ? mpnet_post_processor(cls_id, sep_id) : bert_post_processor(cls_id, sep_id);
  return parts;
}

}  // namespace berth::tokenizer
