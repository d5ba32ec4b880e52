// Late-interaction models (ColBERT): what their files say about queries and documents, as PyLate and as sentence-transformers 6 write it.
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/files.hpp"
#include "loaders/sentence_transformers.hpp"

namespace berth::loaders {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::JsonObject;

constexpr std::int64_t kMaxLength = 1 << 24;
constexpr std::size_t kMaxSkipped = 1 << 16;
constexpr std::string_view kPunctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";  // Python's string.punctuation

std::optional<std::size_t> length(const JsonObject& config, const char* key) {
  if (!config.has(key)) return std::nullopt;
  return static_cast<std::size_t>(config.integer(key, 2, kMaxLength));
}

void skip_punctuation(LateInteractionSpec& spec) {
  for (const char c : kPunctuation) spec.skipped.emplace_back(1, c);
}

void read_skipped(const JsonObject& config, LateInteractionSpec& spec) {
  const base::Json& words = *config.find("skiplist_words");
  if (!words.is_array() || words.size() > kMaxSkipped) config.fail("skiplist_words", "expected at most 65536 tokens");
  for (const base::Json& word : words) {
    if (!word.is_string()) config.fail("skiplist_words", "expected strings");
    spec.skipped.push_back(word.get<std::string>());
  }
}

// config_sentence_transformers.json says all; what it does not say is PyLate's default.
void read_pylate(const JsonObject& config, LateInteractionSpec& spec) {
  spec.query = {.marker = config.string_or("query_prefix", "[Q] "), .prompt = {}, .length = length(config, "query_length")};
  spec.document = {.marker = config.string_or("document_prefix", "[D] "), .prompt = {}, .length = length(config, "document_length")};
  if (!spec.query.length) spec.query.length = 32;
  if (!spec.document.length) spec.document.length = 180;
  spec.expand = config.boolean_or("do_query_expansion", true);
  spec.attend = config.boolean_or("attend_to_expansion_tokens", false);
  if (config.has("skiplist_words")) {
    read_skipped(config, spec);
  } else {
    skip_punctuation(spec);
  }
}

// artifact.metadata; what it does not say is ColBERTv2's.
void read_metadata(const JsonObject& config, LateInteractionSpec& spec) {
  spec.query = {.marker = config.string_or("query_token_id", "[unused0]"), .prompt = {}, .length = length(config, "query_maxlen")};
  spec.document = {.marker = config.string_or("doc_token_id", "[unused1]"), .prompt = {}, .length = length(config, "doc_maxlen")};
  if (!spec.query.length) spec.query.length = 32;
  if (!spec.document.length) spec.document.length = 180;
  spec.expand = true;
  spec.attend = config.boolean_or("attend_to_mask_tokens", false);
  if (config.boolean_or("mask_punctuation", true)) skip_punctuation(spec);
}

void read_prompts(const JsonObject& config, LateInteractionSpec& spec) {
  if (!config.has("prompts")) return;
  const JsonObject prompts = config.object("prompts");
  spec.query.prompt = prompts.string_or("query", "");
  for (const char* key : {"document", "passage", "corpus"}) {
    if (!prompts.has(key)) continue;
    spec.document.prompt = prompts.string(key);
    return;
  }
}

// sentence_bert_config.json of a MultiVectorEncoder.
void read_lengths(const JsonObject& config, LateInteractionSpec& spec) {
  spec.query.length = length(config, "query_length");
  spec.document.length = length(config, "document_length");
  if (!config.has("query_expansion")) return;
  const JsonObject expansion = config.object("query_expansion");
  const std::string strategy = expansion.string_or("strategy", "fixed");
  if (strategy != "fixed" && strategy != "pad_skip" && strategy != "pad_attend")
    throw Error(ErrorCode::unsupported, expansion.label() + ": field \"query_expansion.strategy\": got " + base::quoted(strategy) + ", berth has fixed");
  spec.expand = true;
  spec.attend = strategy == "pad_attend" || (strategy == "fixed" && expansion.boolean_or("attend", false));
  if (const auto stated = length(expansion, "length")) spec.query.length = stated;
  if (!spec.query.length) expansion.fail("length", "expected the number of tokens that queries are filled up to");
}

[[noreturn]] void refuse_mask_field(const JsonObject& config, const char* key) {
  throw Error(ErrorCode::unsupported, config.label() + ": field " + base::quoted(key) + ": got " + base::describe(*config.find(key)) +
                                          ", berth leaves out tokens of documents by \"skiplist_words\" alone");
}

void read_mask(const JsonObject& config, LateInteractionSpec& spec) {
  if (config.has("skiplist_words")) read_skipped(config, spec);
  if (config.has("keep_only_token_ids")) {
    const base::Json& ids = *config.find("keep_only_token_ids");
    if (!ids.is_array() || !ids.empty()) refuse_mask_field(config, "keep_only_token_ids");
  }
  if (!config.has("skiplist_tasks")) return;
  const base::Json& tasks = *config.find("skiplist_tasks");
  if (tasks != "document" && tasks != base::Json::array({"document"})) refuse_mask_field(config, "skiplist_tasks");
}

template <class Read>
void read_file(const fs::path& file, Read read, LateInteractionSpec& spec) {
  if (!base::file_exists(file)) return;
  const base::Json document = base::read_json_file(file);
  read(JsonObject(document, base::display(file)), spec);
}

}  // namespace

LateInteractionSpec read_colbert(const fs::path& directory) {
  LateInteractionSpec spec;
  spec.linear_in_weights = true;
  const fs::path metadata = directory / "artifact.metadata";
  const base::Json empty = base::Json::object();
  if (!base::file_exists(metadata)) read_metadata(JsonObject(empty, base::display(metadata)), spec);
  read_file(metadata, read_metadata, spec);
  return spec;
}

LateInteractionSpec read_late_interaction(const fs::path& directory, const fs::path& transformer, const fs::path& mask, bool pylate) {
  LateInteractionSpec spec;
  const fs::path config = directory / "config_sentence_transformers.json";
  if (pylate) {
    const base::Json empty = base::Json::object();
    if (!base::file_exists(config)) read_pylate(JsonObject(empty, base::display(config)), spec);
    read_file(config, read_pylate, spec);
    return spec;
  }
  read_file(config, read_prompts, spec);
  read_file(transformer / "sentence_bert_config.json", read_lengths, spec);
  if (!mask.empty()) read_file(mask / "config.json", read_mask, spec);
  return spec;
}

}  // namespace berth::loaders
