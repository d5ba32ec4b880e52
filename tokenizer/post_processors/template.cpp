// TemplateProcessing: lists of text pieces and special tokens, one list for a single text and one for a pair.
#include <limits>
#include <map>

#include "base/error.hpp"
#include "tokenizer/post_processors/post_processors.hpp"

namespace berth::tokenizer {
namespace {

constexpr std::size_t kMaxPieces = 1024;
constexpr std::size_t kMaxSpecialIds = 1024;
using SpecialTokens = std::map<std::string, std::vector<std::int32_t>, std::less<>>;

// {"[CLS]": {"id": "[CLS]", "ids": [101], "tokens": ["[CLS]"]}}
SpecialTokens load_special_tokens(const StageSource& source) {
  SpecialTokens result;
  const base::JsonObject object = source.object.object("special_tokens");
  for (const auto& [name, value] : object.json().items()) {
    const StageSource token = source.child(value, ".special_tokens." + base::quoted(name));
    for (const base::Json& id : token.array("ids")) {
      const bool integer = id.is_number_integer();
      if (!integer || id.get<std::int64_t>() < 0 || id.get<std::int64_t>() > kMaxTokenId) {
        token.object.fail("ids", "expected ids in [0, " + std::to_string(kMaxTokenId) + "]");
      }
      result[name].push_back(id.get<std::int32_t>());
    }
    if (result[name].empty() || result[name].size() > kMaxSpecialIds) token.object.fail("ids", "expected 1 to 1024 ids");
  }
  return result;
}

PostProcessor::Piece load_piece(const StageSource& source, const SpecialTokens& special_tokens) {
  const bool is_sequence = source.object.has("Sequence");
  if (!is_sequence && !source.object.has("SpecialToken")) source.fail("", "expected a Sequence or a SpecialToken");
  const base::JsonObject body = source.object.object(is_sequence ? "Sequence" : "SpecialToken");
  PostProcessor::Piece piece;
  piece.type_id = static_cast<std::int32_t>(body.integer("type_id", 0, std::numeric_limits<std::int32_t>::max()));
  const std::string id = body.string("id");
  if (is_sequence) {
    if (id != "A" && id != "B") body.fail("id", "expected \"A\" or \"B\"");
    piece.sequence = id == "A" ? 0 : 1;
    return piece;
  }
  const auto found = special_tokens.find(id);
  if (found == special_tokens.end()) body.fail("id", "not one of the template's special_tokens");
  piece.ids = found->second;
  return piece;
}

std::vector<PostProcessor::Piece> load_template(const StageSource& source, const char* key, const SpecialTokens& special_tokens) {
  std::vector<PostProcessor::Piece> pieces;
  const base::Json& list = source.array(key);
  if (list.size() > kMaxPieces) source.fail(std::string(".") + key, "too many pieces: " + std::to_string(list.size()));
  for (std::size_t i = 0; i < list.size(); ++i) {
    pieces.push_back(load_piece(source.child(list[i], std::string(".") + key + "[" + std::to_string(i) + "]"), special_tokens));
  }
  return pieces;
}

bool uses(const std::vector<PostProcessor::Piece>& pieces, int sequence) {
  for (const auto& piece : pieces) {
    if (piece.sequence == sequence) return true;
  }
  return false;
}

}  // namespace

PostProcessor load_template_processing(const StageSource& source) {
  const SpecialTokens special_tokens = load_special_tokens(source);
  PostProcessor result;
  result.single = load_template(source, "single", special_tokens);
  result.pair = load_template(source, "pair", special_tokens);
  if (uses(result.single, 1)) source.fail(".single", "a template for one text cannot use sequence B");
  if (!uses(result.pair, 0) || !uses(result.pair, 1)) source.fail(".pair", "the template must use both sequences");
  return result;
}

}  // namespace berth::tokenizer
