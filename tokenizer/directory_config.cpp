#include "tokenizer/directory_config.hpp"

#include <algorithm>
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

void add_list(const base::JsonObject& file, const char* key, std::vector<AddedToken>& tokens) {
  const base::Json* list = file.find(key);
  if (list == nullptr) return;
  if (!list->is_array()) file.fail(key, "expected a list");
  for (const base::Json& value : *list) tokens.push_back(read_special(value, file, key));
}

void add_by_id(std::vector<std::pair<std::int64_t, AddedToken>> found, std::vector<AddedToken>& tokens) {
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [id, token] : found) tokens.push_back(std::move(token));
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

DirectoryConfig::DirectoryConfig(std::filesystem::path directory)
    : directory_(std::move(directory)),
      config_json_(read_optional(directory_ / "tokenizer_config.json").value_or(base::Json::object())),
      map_json_(read_optional(directory_ / "special_tokens_map.json")) {
  config_.emplace(config_json_, base::display(directory_ / "tokenizer_config.json"));
  if (map_json_) map_.emplace(*map_json_, base::display(directory_ / "special_tokens_map.json"));
  if (!class_name().empty()) return;
  const auto model = read_optional(directory_ / "config.json");
  if (!model || !model->is_object()) return;
  if (const auto type = model->find("model_type"); type != model->end() && type->is_string()) model_type_ = type->get<std::string>();
}

std::string DirectoryConfig::class_name() const {
  std::string name = config_->string_or("tokenizer_class", "");
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  return name;
}

AddedToken DirectoryConfig::role(const char* key, AddedToken fallback) const {
  if (const base::Json* value = config_->find(key)) {
    AddedToken token = read_special(*value, *config_, key);
    // A plain string keeps the flags that the class gives its own token of that text.
    return value->is_string() && token.content == fallback.content ? fallback : token;
  }
  if (map_) {
    if (const base::Json* value = map_->find(key)) return read_special(*value, *map_, key);
  }
  return fallback;
}

// added_tokens_decoder: {"103": {"content": "[MASK]", ...}}
void DirectoryConfig::add_decoder(std::vector<AddedToken>& tokens) const {
  const base::Json* decoder = config_->find("added_tokens_decoder");
  if (decoder == nullptr) return;
  if (!decoder->is_object()) config_->fail("added_tokens_decoder", "expected an object");
  std::vector<std::pair<std::int64_t, AddedToken>> found;
  for (const auto& [id, value] : decoder->items()) {
    const base::JsonObject object(value, config_->label(), "added_tokens_decoder." + id);
    AddedToken token = read_special(value, object, "content");
    token.special = object.boolean_or("special", false);
    const bool number = !id.empty() && id.size() < 10 && std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!number || std::stoll(id) > kMaxTokenId) {
      config_->fail("added_tokens_decoder", "expected ids in [0, " + std::to_string(kMaxTokenId) + "] as keys");
    }
    found.emplace_back(std::stoll(id), std::move(token));
  }
  add_by_id(std::move(found), tokens);
}

// added_tokens.json: {"[NEW]": 30522}
void DirectoryConfig::add_added_tokens_file(std::vector<AddedToken>& tokens) const {
  const std::filesystem::path path = directory_ / "added_tokens.json";
  const auto json = read_optional(path);
  if (!json) return;
  const base::JsonObject file(*json, base::display(path));
  std::vector<std::pair<std::int64_t, AddedToken>> found;
  for (const auto& [content, id] : json->items()) {
    if (!id.is_number_integer()) file.fail(content.c_str(), "expected an id");
    AddedToken token;
    token.content = content;
    found.emplace_back(id.get<std::int64_t>(), std::move(token));
  }
  add_by_id(std::move(found), tokens);
}

std::vector<AddedToken> DirectoryConfig::added_tokens(const std::vector<AddedToken>& own) const {
  std::vector<AddedToken> tokens;
  add_decoder(tokens);
  tokens.insert(tokens.end(), own.begin(), own.end());
  add_list(*config_, "additional_special_tokens", tokens);
  if (map_) add_list(*map_, "additional_special_tokens", tokens);
  add_added_tokens_file(tokens);
  std::vector<AddedToken> kept;
  std::set<std::string> seen;
  for (AddedToken& token : tokens) {
    if (seen.insert(token.content).second) kept.push_back(std::move(token));
  }
  return kept;
}

}  // namespace berth::tokenizer
