// tokenizer.json: the document is small but for its vocabulary and merges, which are streamed.
#include <limits>

#include "base/error.hpp"
#include "tokenizer/class_settings.hpp"
#include "tokenizer/directory_config.hpp"
#include "tokenizer/loading.hpp"
#include "tokenizer/model_reader.hpp"

namespace berth::tokenizer {
namespace {

constexpr std::size_t kMaxAddedTokens = kMaxVocabularySize;

[[noreturn]] void corrupt(const std::string& label, const std::string& field, const std::string& problem) {
  throw base::Error(base::ErrorCode::corrupt_file, label + ": field \"" + field + "\": " + problem);
}

AddedToken read_added_token(const StageSource& source) {
  // The id is not read: the reference takes the model's, or the next free one, too. It must be sane all the same.
  source.object.integer("id", 0, kMaxTokenId);
  AddedToken token;
  token.content = source.object.string("content");
  if (token.content.size() > kMaxTokenBytes) source.object.fail("content", "expected at most " + std::to_string(kMaxTokenBytes) + " bytes");
  token.single_word = source.boolean("single_word");
  token.lstrip = source.boolean("lstrip");
  token.rstrip = source.boolean("rstrip");
  token.normalized = source.boolean("normalized");
  token.special = source.boolean("special");
  return token;
}

std::vector<AddedToken> read_added_tokens(const StageSource& document) {
  std::vector<AddedToken> tokens;
  if (!document.object.has("added_tokens")) return tokens;
  const base::Json& list = document.array("added_tokens");
  if (list.size() > kMaxAddedTokens) corrupt(document.object.label(), "added_tokens", "too many: " + std::to_string(list.size()));
  for (std::size_t i = 0; i < list.size(); ++i) tokens.push_back(read_added_token(document.child(list[i], "added_tokens[" + std::to_string(i) + "]")));
  return tokens;
}

std::optional<StageSource> stage(const base::JsonObject& document, const char* key) {
  if (!document.has(key)) return std::nullopt;
  return StageSource{document.object(key), key};
}

Truncation read_truncation(const base::JsonObject& section) {
  constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();
  Truncation truncation;
  const base::Json* most = section.find("max_length");  // usize::MAX where the library has no limit
  const bool unlimited = most != nullptr && most->is_number_unsigned() && most->get<std::uint64_t>() > static_cast<std::uint64_t>(kNoLimit);
  truncation.max_length = static_cast<std::size_t>(unlimited ? kNoLimit : section.integer_or("max_length", kNoLimit, 0, kNoLimit));
  const std::string side = section.string_or("direction", "Right");
  if (side != "Right" && side != "Left") section.fail("direction", "expected \"Right\" or \"Left\"");
  if (side == "Left") truncation.side = TruncationSide::left;
  return truncation;  // the strategy is for pairs, which nobody cuts by it
}

}  // namespace

TokenizerParts assemble_parts(const base::JsonObject& document, std::unique_ptr<Model> model, std::vector<AddedToken> added) {
  TokenizerParts parts;
  parts.model = std::move(model);
  if (const auto source = stage(document, "normalizer")) parts.normalizer = make_normalizer(*source);
  if (const auto source = stage(document, "pre_tokenizer")) parts.pre_tokenizer = make_pre_tokenizer(*source);
  parts.post_processor = default_post_processor();
  if (const auto source = stage(document, "decoder")) parts.decoder = make_decoder(*source);
  parts.added = std::make_unique<AddedVocabulary>(std::move(added), parts.model->vocabulary(), parts.normalizer.get());
  return parts;
}

TokenizerParts load_tokenizer_json(std::string_view text, const std::string& label, const DirectoryConfig* files) {
  ModelReader model_data(label);
  base::Json json = base::parse_json_streaming(
      text, label, {"/model/vocab", "/model/merges"},
      [&](const base::JsonStreamElement& element) { element.path == "/model/vocab" ? model_data.add_token(element) : model_data.add_merge(element); },
      {.max_bytes = kMaxTokenizerFile, .max_depth = 64}, read_score);
  if (files != nullptr) apply_class_settings(json, *files);
  const base::JsonObject document(json, label);
  if (const std::string version = document.string_or("version", "1.0"); version != "1.0") {
    throw base::Error(base::ErrorCode::unsupported, label + ": field \"version\": " + base::quoted(version) + " is not supported; known versions: 1.0");
  }
  const auto model = stage(document, "model");
  if (!model) corrupt(label, "model", "missing");
  std::unique_ptr<Model> made = make_model(*model, model_data.take());
  std::vector<AddedToken> added = read_added_tokens({document, ""});
  if (files != nullptr) {
    for (AddedToken& token : files->over_tokenizer_json(added, made->vocabulary())) added.push_back(std::move(token));
  }
  TokenizerParts parts = assemble_parts(document, std::move(made), std::move(added));
  if (const base::Json* section = document.find("truncation"); section != nullptr && section->is_object())
    parts.truncation = read_truncation(base::JsonObject(*section, label, "truncation"));
  if (const auto post = stage(document, "post_processor")) parts.post_processor = make_post_processor(*post);
  if (files != nullptr) {
    const auto frame = class_frame(*files, [&](std::string_view text) {
      const auto added_id = parts.added->id(text);
      return added_id ? added_id : parts.model->vocabulary().id(text);
    });
    if (frame) parts.post_processor = *frame;
  }
  return parts;
}

}  // namespace berth::tokenizer
