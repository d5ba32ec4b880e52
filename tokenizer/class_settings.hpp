// What tokenizer_config.json settles by the tokenizer's class, whichever file holds the vocabulary.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "base/json.hpp"
#include "tokenizer/directory_config.hpp"
#include "tokenizer/normalizers/normalizers.hpp"

namespace berth::tokenizer {

// do_lower_case, strip_accents and tokenize_chinese_chars of BERT's classes. (Their do_basic_tokenize has no effect in transformers' fast tokenizers.)
BertNormalizerOptions bert_settings(const base::JsonObject& config);

// As transformers: for some classes tokenizer_config.json overrides stages of tokenizer.json, and what it leaves out has the class's default. Changes
// `document`, a tokenizer.json. Without a tokenizer_config.json nothing is changed.
void apply_class_settings(base::Json& document, const DirectoryConfig& files);

// The post-processor of a class that frames texts as tokenizer_config.json says; absent where the class or the file says nothing, or a token has no id.
std::optional<PostProcessor> class_frame(const DirectoryConfig& files, const std::function<std::optional<std::int32_t>(std::string_view)>& id_of);

}  // namespace berth::tokenizer
