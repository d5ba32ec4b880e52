#include "tokenizer/directory_config.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/files.hpp"
#include "tokenizer/loading.hpp"

namespace berth::tokenizer {
namespace {

std::optional<base::Json> read_optional(const std::filesystem::path& path) {
  if (!base::file_exists(path)) return std::nullopt;
  return base::read_json_file(path, {.max_bytes = kMaxConfigFile});
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

// Those without a role: a list, or (extra_special_tokens of some releases) an object of names and tokens.
void add_additional(const base::JsonObject& file, std::vector<AddedToken>& tokens) {
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
    const base::Json* list = file.find(key);
    if (list == nullptr) continue;
    if (!list->is_array() && !list->is_object()) file.fail(key, "expected a list");
    for (const base::Json& value : *list) tokens.push_back(read_special(value, file, key));
  }
}

std::vector<AddedToken> by_id(std::vector<std::pair<std::int64_t, AddedToken>> found) {
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<AddedToken> tokens;
  for (auto& [id, token] : found) tokens.push_back(std::move(token));
  return tokens;
}

// Tokens by their content, the first of each; lists may be long.
using ByContent = std::map<std::string_view, const AddedToken*>;
ByContent by_content(const std::vector<AddedToken>& tokens) {
  ByContent found;
  for (const AddedToken& token : tokens) found.emplace(token.content, &token);
  return found;
}

}  // namespace

AddedToken special_token(std::string content, bool lstrip) {
  AddedToken token;
  token.content = std::move(content);
  token.lstrip = lstrip;
  token.normalized = false;
  token.special = true;
  return token;
}

const AddedToken& Roles::at(std::string_view key) const {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Role& role) { return role.key == key; });
  if (found == all.end()) throw base::Error(base::ErrorCode::internal, "no token for the role " + std::string(key));
  return found->token;
}

std::vector<AddedToken> Roles::tokens() const {
  std::vector<AddedToken> tokens;
  for (const Role& role : all) tokens.push_back(role.token);
  return tokens;
}

DirectoryConfig::DirectoryConfig(std::filesystem::path directory)
    : directory_(std::move(directory)),
      config_json_(read_optional(directory_ / "tokenizer_config.json").value_or(base::Json::object())),
      map_json_(read_optional(directory_ / "special_tokens_map.json")) {
  config_.emplace(config_json_, base::display(directory_ / "tokenizer_config.json"));
  if (map_json_) map_.emplace(*map_json_, base::display(directory_ / "special_tokens_map.json"));
  read_class();
}

void DirectoryConfig::read_class() {
  const auto name_in = [this](const base::JsonObject& file) {
    class_name_ = file.string_or("tokenizer_class", "");
    if (class_name_.ends_with("Fast")) class_name_.resize(class_name_.size() - 4);
    class_file_ = file.label();
    return !class_name_.empty();
  };
  if (name_in(*config_)) return;
  const std::filesystem::path path = directory_ / "config.json";
  const auto model = read_optional(path);
  if (!model || !model->is_object() || name_in(base::JsonObject(*model, base::display(path)))) return;
  if (const auto type = model->find("model_type"); type != model->end() && type->is_string()) model_type_ = type->get<std::string>();
}

AddedToken DirectoryConfig::role(const char* key, AddedToken fallback) const {
  // special_tokens_map.json speaks last, but is not asked by releases that write added_tokens_decoder.
  const bool map_first = map_ && !config_->has("added_tokens_decoder");
  for (const base::JsonObject* file : {map_first ? &*map_ : &*config_, map_first ? &*config_ : map_ ? &*map_ : nullptr}) {
    const base::Json* value = file != nullptr ? file->find(key) : nullptr;
    if (value == nullptr) continue;
    AddedToken token = read_special(*value, *file, key);
    // A plain string has the flags that the class gives the token of this role.
    if (value->is_string() && !fallback.content.empty()) token.lstrip = fallback.lstrip;
    return token;
  }
  return fallback;
}

Roles DirectoryConfig::roles(const std::vector<ClassRole>& of_class) const {
  Roles roles;
  for (const char* key : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
    const auto own = std::find_if(of_class.begin(), of_class.end(), [&](const ClassRole& role) { return role.key == key; });
    const AddedToken fallback = own != of_class.end() ? special_token(own->text, own->lstrip) : AddedToken();
    const bool named = config_->has(key) || (map_ && map_->has(key));
    AddedToken token = role(key, fallback);
    if (!token.content.empty() || own != of_class.end()) roles.all.push_back({key, std::move(token), named});
  }
  return roles;
}

// added_tokens_decoder: {"103": {"content": "[MASK]", ...}}
std::vector<AddedToken> DirectoryConfig::decoder_tokens() const {
  const base::Json* decoder = config_->find("added_tokens_decoder");
  if (decoder == nullptr) return {};
  if (!decoder->is_object()) config_->fail("added_tokens_decoder", "expected an object");
  std::vector<std::pair<std::int64_t, AddedToken>> found;
  for (const auto& [id, value] : decoder->items()) {
    const base::JsonObject object(value, config_->label(), "added_tokens_decoder." + id);
    AddedToken token = read_special(value, object, "content");
    token.special = object.boolean_or("special", false);
    token.normalized = object.boolean_or("normalized", !token.special);
    const bool number = !id.empty() && id.size() < 10 && std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!number || std::stoll(id) > kMaxTokenId) {
      config_->fail("added_tokens_decoder", "expected ids in [0, " + std::to_string(kMaxTokenId) + "] as keys");
    }
    found.emplace_back(std::stoll(id), std::move(token));
  }
  return by_id(std::move(found));
}

// added_tokens.json: {"[NEW]": 30522}
std::vector<AddedToken> DirectoryConfig::added_tokens_file() const {
  const std::filesystem::path path = directory_ / "added_tokens.json";
  const auto json = read_optional(path);
  if (!json) return {};
  const base::JsonObject file(*json, base::display(path));
  std::vector<std::pair<std::int64_t, AddedToken>> found;
  for (const auto& [content, id] : json->items()) {
    if (!id.is_number_integer()) file.fail(content.c_str(), "expected an id");
    AddedToken token;
    token.content = content;
    found.emplace_back(id.get<std::int64_t>(), std::move(token));
  }
  return by_id(std::move(found));
}

std::vector<AddedToken> DirectoryConfig::added_tokens(const std::vector<AddedToken>& own) const {
  std::vector<AddedToken> named = own;
  add_additional(*config_, named);
  if (map_) add_additional(*map_, named);
  const ByContent by_name = by_content(named);
  const bool has_decoder = config_->has("added_tokens_decoder");
  std::vector<AddedToken> tokens = has_decoder ? decoder_tokens() : added_tokens_file();
  for (AddedToken& token : tokens) {
    const auto same = by_name.find(token.content);
    if (same == by_name.end()) continue;
    if (!has_decoder) token = *same->second;
    token.special = token.special || same->second->special;
  }
  tokens.insert(tokens.end(), named.begin(), named.end());
  std::vector<AddedToken> kept;
  std::set<std::string> seen;
  for (AddedToken& token : tokens) {
    if (seen.insert(token.content).second) kept.push_back(std::move(token));
  }
  return kept;
}

std::vector<ClassRole> DirectoryConfig::class_roles() const {
  if (const WordPieceClass* row = fitting_class(kWordPieceClasses)) return roles_of(row->family);
  const BytePairClass* row = fitting_class(kBytePairClasses);
  return row != nullptr ? roles_of(row->family) : std::vector<ClassRole>();
}

std::vector<AddedToken> DirectoryConfig::over_tokenizer_json(const std::vector<AddedToken>& of_json, const Vocabulary& model) const {
  const Roles with_roles = roles(class_roles());
  std::vector<AddedToken> named = with_roles.tokens();
  add_additional(*config_, named);
  if (map_) add_additional(*map_, named);
  const ByContent by_name = by_content(named), in_json = by_content(of_json);
  const std::vector<AddedToken> decoder = decoder_tokens();
  const ByContent in_decoder = by_content(decoder);
  std::vector<AddedToken> tokens;
  for (const AddedToken& token : decoder) {
    if (!in_json.contains(token.content) && !model.id(token.content)) continue;
    tokens.push_back(token);
    tokens.back().special = token.special || by_name.contains(token.content);
  }
  for (const AddedToken& token : named) {
    if (!in_json.contains(token.content) && !in_decoder.contains(token.content) && model.id(token.content)) tokens.push_back(token);
  }
  // A mask token that nobody names has the class's flags, whatever tokenizer.json says.
  for (const auto& [key, token, is_named] : with_roles.all) {
    if (token.lstrip && !is_named && in_json.contains(token.content) && !in_decoder.contains(token.content)) tokens.push_back(token);
  }
  return tokens;
}

}  // namespace berth::tokenizer
