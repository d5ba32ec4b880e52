#include "tokenizer/byte_alphabet.hpp"

namespace berth::tokenizer {
namespace {

constexpr bool stands_for_itself(unsigned byte) { return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE; }

struct Alphabet {
  std::array<ByteForm, 256> forms{};
  std::array<std::int16_t, 0x144> bytes{};

  Alphabet() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const char32_t c = stands_for_itself(byte) ? byte : next++;
      char text[4];
      forms[byte].size = static_cast<std::uint8_t>(put_utf8(text, c));
      forms[byte].text[0] = text[0];
      forms[byte].text[1] = forms[byte].size == 2 ? text[1] : '\0';
      bytes[c] = static_cast<std::int16_t>(byte);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet table;
  return table;
}

}  // namespace

const std::array<ByteForm, 256>& byte_forms() { return alphabet().forms; }

int byte_of(char32_t code_point) noexcept { return code_point < alphabet().bytes.size() ? alphabet().bytes[code_point] : -1; }

void put_byte_forms(std::string_view text, const Offset* origin, NormalizedWriter& out) {
  const auto& forms = byte_forms();
  out.reserve(2 * text.size() + 2);
  char* to = out.text();
  Offset* to_origin = out.origin();
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const ByteForm form = forms[static_cast<unsigned char>(text[i])];
    to[size] = form.text[0];
    to[size + 1] = form.text[1];  // overwritten by the next byte when this one is a single byte
    to_origin[size] = origin[i];
    to_origin[size + 1] = origin[i];
    size += form.size;
  }
  out.advance(size);
}

}  // namespace berth::tokenizer
