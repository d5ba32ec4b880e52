// ByteLevel and ByteFallback: tokens that stand for bytes.
#include <optional>

#include "base/utf8.hpp"
#include "tokenizer/byte_alphabet.hpp"
#include "tokenizer/decoders/decoders.hpp"

namespace berth::tokenizer {
namespace {

constexpr const char* kReplacement = "\uFFFD";

// Length of the longest beginning of `bytes` that could be the beginning of one code point; at least 1 (WHATWG Encoding, "maximal subpart").
std::size_t broken_length(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned first = byte(0);
  const std::size_t wanted = first >= 0xC2 && first <= 0xDF ? 2 : first >= 0xE0 && first <= 0xEF ? 3 : first >= 0xF0 && first <= 0xF4 ? 4 : 1;
  const unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  std::size_t length = 1;
  while (length < wanted && length < bytes.size() && byte(length) >= (length == 1 ? low : 0x80) && byte(length) <= (length == 1 ? high : 0xBF)) ++length;
  return length;
}

std::string repaired(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t valid = std::min(base::find_invalid_utf8(bytes), bytes.size());
    text.append(bytes.substr(0, valid));
    bytes.remove_prefix(valid);
    if (bytes.empty()) break;
    text += kReplacement;
    bytes.remove_prefix(broken_length(bytes));
  }
  return text;
}

class ByteLevelDecoder final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) {
      const std::size_t before = bytes.size();
      for (std::size_t at = 0; at < token.size();) {
        const base::CodePoint c = base::decode_utf8(token, at);
        const int byte = byte_of(c.value);
        if (byte < 0) {  // no byte-level token: as it stands
          bytes.resize(before);
          bytes += token;
          break;
        }
        bytes += static_cast<char>(static_cast<unsigned char>(byte));
        at += c.length;
      }
    }
    tokens.assign(1, repaired(bytes));
  }
};

std::optional<char> byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; };
  const int high = token[3] == '+' ? 0 : digit(token[3]);  // the reference reads a sign, too
  const int low = digit(token[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(static_cast<unsigned char>(16 * high + low));
}

class ByteFallbackDecoder final : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::vector<std::string> result;
    std::string bytes;
    const auto flush = [&] {
      if (base::find_invalid_utf8(bytes) == std::string_view::npos) {
        if (!bytes.empty()) result.push_back(bytes);
      } else {
        result.insert(result.end(), bytes.size(), kReplacement);
      }
      bytes.clear();
    };
    for (std::string& token : tokens) {
      if (const auto byte = byte_of_token(token)) {
        bytes += *byte;
        continue;
      }
      flush();
      result.push_back(std::move(token));
    }
    flush();
    tokens = std::move(result);
  }
};

}  // namespace

std::unique_ptr<Decoder> load_byte_level_decoder(const StageSource&) { return std::make_unique<ByteLevelDecoder>(); }
std::unique_ptr<Decoder> load_byte_fallback_decoder(const StageSource&) { return std::make_unique<ByteFallbackDecoder>(); }

}  // namespace berth::tokenizer
