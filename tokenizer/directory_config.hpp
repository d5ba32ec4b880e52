// The small JSON files around a tokenizer that was saved without a tokenizer.json, read as transformers reads them.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "tokenizer/added_vocabulary.hpp"
#include "tokenizer/classes.hpp"

namespace berth::tokenizer {

// A special token; the mask tokens of most classes take the space before them along.
AddedToken special_token(std::string content, bool lstrip = false);

// The tokens of the roles that have one; "" where a file takes the class's away.
struct Roles {
  struct Role {
    std::string_view key;  // "cls_token"
    AddedToken token;
    bool named;  // by a file, not by the class alone
  };
  std::vector<Role> all;

  const AddedToken& at(std::string_view key) const;  // it must have one
  std::vector<AddedToken> tokens() const;
};

// tokenizer_config.json, special_tokens_map.json, added_tokens.json and config.json of a directory, where they exist.
class DirectoryConfig {
 public:
  explicit DirectoryConfig(std::filesystem::path directory);
  DirectoryConfig(const DirectoryConfig&) = delete;
  DirectoryConfig& operator=(const DirectoryConfig&) = delete;

  const std::filesystem::path& directory() const { return directory_; }
  const base::JsonObject& tokenizer() const { return *config_; }  // tokenizer_config.json, {} when it is absent

  // The row of `rows` (with members class_name, model_type) that fits the tokenizer_class of tokenizer_config.json, else of config.json, with or without
  // "Fast"; where neither names a class, that for config.json's model_type. Null when none fits.
  template <class Rows>
  const typename Rows::value_type* fitting_class(const Rows& rows) const {
    for (const auto& row : rows) {
      if (class_name_.empty() ? row.model_type == model_type_ && !model_type_.empty() : row.class_name == class_name_) return &row;
    }
    return nullptr;
  }
  // The same, but throws unsupported for a class by name that is not in `rows`; `file` says in it which file led here.
  template <class Rows>
  const typename Rows::value_type* find_class(const Rows& rows, std::string_view file) const {
    const auto* found = fitting_class(rows);
    if (found != nullptr || class_name_.empty()) return found;
    std::string known;
    for (const auto& row : rows) known += (known.empty() ? "" : ", ") + std::string(row.class_name);
    throw base::Error(base::ErrorCode::unsupported, class_file_ + ": field \"tokenizer_class\": " + base::quoted(class_name_) + " is not supported with " +
                                                        std::string(file) + "; known classes: " + known);
  }

  // The token of a role ("cls_token"): special_tokens_map.json's or tokenizer_config.json's (the latter's first beside added_tokens_decoder), else the class's.
  AddedToken role(const char* key, AddedToken fallback) const;
  Roles roles(const std::vector<ClassRole>& of_class) const;
  // Every added token, each text once: added_tokens_decoder or, without it, added_tokens.json, by their ids; then `own` (the model's and the roles') and
  // additional_special_tokens. New ones get their ids in this order. The flags are those of the first that has any: added_tokens.json has none.
  std::vector<AddedToken> added_tokens(const std::vector<AddedToken>& own) const;
  // What these files change in the added tokens of a tokenizer.json (`of_json`), or add to them: added_tokens_decoder, whose flags rule, then roles and
  // additional_special_tokens. Only those that have an id already: a new one would lie beyond the embeddings.
  std::vector<AddedToken> over_tokenizer_json(const std::vector<AddedToken>& of_json, const Vocabulary& model) const;

 private:
  void read_class();
  std::vector<ClassRole> class_roles() const;
  std::vector<AddedToken> decoder_tokens() const;
  std::vector<AddedToken> added_tokens_file() const;

  std::filesystem::path directory_;
  base::Json config_json_;
  std::optional<base::Json> map_json_;
  std::optional<base::JsonObject> config_, map_;
  std::string class_name_;  // without "Fast"; "": named nowhere
  std::string class_file_;  // which names it
  std::string model_type_;  // of config.json; "" when it was not asked for
};

}  // namespace berth::tokenizer
