#include "tokenizer/pattern.hpp"

#include <cstring>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace berth::tokenizer {
namespace {

constexpr std::size_t kMaxLiteral = 64 << 10;

class Literal final : public Pattern {
 public:
  explicit Literal(std::string text) : text_(std::move(text)) {}

  void find(std::string_view text, std::vector<Span>& matches) const override {
    if (text_.empty()) return find_empty(text, matches);
    for (std::size_t at = 0; at + text_.size() <= text.size();) {
      const void* found = text_.size() == 1 ? std::memchr(text.data() + at, static_cast<unsigned char>(text_[0]), text.size() - at)
                                            : memmem(text.data() + at, text.size() - at, text_.data(), text_.size());  // linear for long needles
      if (found == nullptr) return;
      const auto begin = static_cast<std::uint32_t>(static_cast<const char*>(found) - text.data());
      const auto end = begin + static_cast<std::uint32_t>(text_.size());
      matches.push_back({begin, end});
      at = end;
    }
  }

 private:
  // The empty text is found before every code point and at the end.
  static void find_empty(std::string_view text, std::vector<Span>& matches) {
    for (std::size_t at = 0; at < text.size(); at += base::decode_utf8(text, at).length) {
      matches.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at)});
    }
    matches.push_back({static_cast<std::uint32_t>(text.size()), static_cast<std::uint32_t>(text.size())});
  }

  std::string text_;
};

}  // namespace

std::unique_ptr<Pattern> make_literal(std::string text) { return std::make_unique<Literal>(std::move(text)); }

std::unique_ptr<Pattern> load_pattern(const StageSource& source, const char* key) {
  const base::JsonObject pattern = source.object.object(key);
  const bool literal = pattern.has("String");
  if (literal == pattern.has("Regex")) source.object.fail(key, "expected {\"String\": ...} or {\"Regex\": ...}");
  const char* kind = literal ? "String" : "Regex";
  const std::string text = pattern.string(kind);
  if (text.size() > kMaxLiteral) pattern.fail(kind, "expected at most " + std::to_string(kMaxLiteral) + " bytes");
  if (literal) return make_literal(text);
  return make_regex(text, source.object.label() + ": field \"" + pattern.field(kind) + "\"");
}

}  // namespace berth::tokenizer
