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

namespace berth::tokenizer {

// A special token; the mask tokens of most classes take the space before them along.
AddedToken special_token(std::string content, bool lstrip = false);

// tokenizer_config.json, special_tokens_map.json, added_tokens.json and config.json of a directory, where they exist.
class DirectoryConfig {
 public:
  explicit DirectoryConfig(std::filesystem::path directory);
  DirectoryConfig(const DirectoryConfig&) = delete;
  DirectoryConfig& operator=(const DirectoryConfig&) = delete;

  const std::filesystem::path& directory() const { return directory_; }
  const base::JsonObject& tokenizer() const { return *config_; }  // tokenizer_config.json, {} when it is absent

  // The row of `rows` (with members class_name, model_type) that fits tokenizer_config.json's tokenizer_class, with or without "Fast"; without one that
  // for config.json's model_type; null without that, too. Throws unsupported for a class that is not in `rows`; `file` says in it which file led here.
  template <class Rows>
  const typename Rows::value_type* find_class(const Rows& rows, std::string_view file) const {
    const std::string name = class_name();
    std::string known;
    for (const auto& row : rows) {
      if (name.empty() ? row.model_type == model_type_ && !model_type_.empty() : row.class_name == name) return &row;
      known += (known.empty() ? "" : ", ") + std::string(row.class_name);
    }
    if (name.empty()) return nullptr;
    throw base::Error(base::ErrorCode::unsupported, tokenizer().label() +
                                                        ": field \"tokenizer_class\": " + base::quoted(tokenizer().string("tokenizer_class")) +
                                                        " is not supported with " + std::string(file) + "; known classes: " + known);
  }

  // The token of a role ("cls_token"): tokenizer_config.json's, else special_tokens_map.json's, else the class's own.
  AddedToken role(const char* key, AddedToken fallback) const;
  // Every added token, each text once, the flags that were read first counting: added_tokens_decoder, `own` (the model's and the roles'),
  // additional_special_tokens, added_tokens.json.
  std::vector<AddedToken> added_tokens(const std::vector<AddedToken>& own) const;

 private:
  std::string class_name() const;
  void add_decoder(std::vector<AddedToken>& tokens) const;
  void add_added_tokens_file(std::vector<AddedToken>& tokens) const;

  std::filesystem::path directory_;
  base::Json config_json_;
  std::optional<base::Json> map_json_;
  std::optional<base::JsonObject> config_, map_;
  std::string model_type_;
};

}  // namespace berth::tokenizer
