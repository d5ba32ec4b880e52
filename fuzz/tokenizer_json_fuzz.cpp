// Any bytes as a tokenizer.json: it is refused with base::Error, or the tokenizer works.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"
#include "tokenizer/tokenizer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace berth;
  try {
    const auto tokenizer = tokenizer::Tokenizer::from_json({reinterpret_cast<const char*>(data), size}, "fuzz.json");
    tokenizer::EncodeOptions options;
    options.truncation = tokenizer::Truncation{.max_length = 16, .stride = 1};
    options.keep_overflow = true;
    for (const std::string_view text : {"Hello, w\xC3\xB6rld [MASK] [CLS]  un\xCC\x81" "affable \xE6\x88\x91\xE7\x88\xB1 </s><mask>", "", " "}) {
      const auto encoding = tokenizer.encode(text);
      for (const auto id : encoding.ids) {
        if (id < 0 || id > tokenizer.max_id()) __builtin_trap();
      }
      tokenizer.encode(text, text, options);
    }
  } catch (const base::Error&) {
  }
  return 0;
}
