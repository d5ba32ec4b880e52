#include "tokenizer/added_vocabulary.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"

namespace berth::tokenizer {
namespace {

std::string normalized_form(const std::string& text, const Normalizer* normalizer) {
  if (normalizer == nullptr) return text;
  NormalizedText out;
  NormalizerScratch scratch;
  normalizer->apply({text, nullptr, 0}, out, scratch);
  return out.text;
}

}  // namespace

AddedVocabulary::AddedVocabulary(std::vector<AddedToken> tokens, const Vocabulary& model, const Normalizer* normalizer) {
  std::map<std::string, std::int32_t, std::less<>> ids;
  std::map<std::int32_t, AddedToken> by_id;
  std::set<std::string, std::less<>> specials;
  std::vector<const AddedToken*> special_tokens;
  std::vector<const AddedToken*> ordinary_tokens;
  for (const AddedToken& token : tokens) {
    if (token.special && !token.content.empty() && specials.insert(token.content).second) special_tokens.push_back(&token);
  }
  const auto model_size = static_cast<std::int32_t>(model.size());
  std::int32_t largest = -1;
  for (const AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    std::int32_t id = -1;
    if (const auto known = ids.find(token.content); known != ids.end()) {
      id = known->second;
      if (by_id.at(id) == token) continue;
    } else if (const auto in_model = model.id(token.content)) {
      id = *in_model;
    } else {
      id = largest >= model_size || (model_size == 0 && largest >= 0) ? largest + 1 : model_size;
      ++new_tokens_;
    }
    ids[token.content] = id;
    by_id[id] = token;
    largest = std::max(largest, id);
    if (!specials.contains(token.content)) ordinary_tokens.push_back(&token);
  }
  std::vector<AddedTokenMatcher::Pattern> raw;
  std::vector<AddedTokenMatcher::Pattern> normalized;
  // Of an id there is one pattern, that of the token that came last.
  std::set<std::int32_t> done;
  const auto add_pattern = [&](const AddedToken& token) {
    const std::int32_t id = ids.at(token.content);
    const AddedToken& last = by_id.at(id);
    if (!done.insert(id).second) return;
    if (last.normalized) {
      normalized.push_back({normalized_form(last.content, normalizer), id, last});
    } else {
      raw.push_back({last.content, id, last});
    }
  };
  for (const AddedToken* token : special_tokens) add_pattern(*token);
  for (const AddedToken* token : ordinary_tokens) add_pattern(*token);
  raw_ = std::make_unique<AddedTokenMatcher>(std::move(raw));
  normalized_ = std::make_unique<AddedTokenMatcher>(std::move(normalized));
  by_text_.assign(ids.begin(), ids.end());
  for (const auto& [id, token] : by_id) by_id_.emplace_back(id, token.content);
  specials_.assign(specials.begin(), specials.end());
  max_id_ = largest;
}

bool AddedVocabulary::is_special(std::string_view text) const { return std::binary_search(specials_.begin(), specials_.end(), text, std::less<>()); }

std::optional<std::int32_t> AddedVocabulary::id(std::string_view text) const {
  const auto it = std::lower_bound(by_text_.begin(), by_text_.end(), text, [](const auto& entry, std::string_view t) { return entry.first < t; });
  if (it == by_text_.end() || it->first != text) return std::nullopt;
  return it->second;
}

std::int32_t AddedVocabulary::required_id(std::string_view text, const std::string& label) const {
  const auto found = id(text);
  if (!found) throw base::Error(base::ErrorCode::corrupt_file, label + ": no id for the special token " + base::quoted(text));
  return *found;
}

std::string_view AddedVocabulary::text(std::int32_t id) const {
  const auto it = std::lower_bound(by_id_.begin(), by_id_.end(), id, [](const auto& entry, std::int32_t i) { return entry.first < i; });
  if (it == by_id_.end() || it->first != id) return {};
  return it->second;
}

}  // namespace berth::tokenizer
