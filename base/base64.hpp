// Base64 (RFC 4648, the standard alphabet with padding).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace berth::base {

std::string encode_base64(std::string_view bytes);
// Nothing when `text` is not what encode_base64 gives for some bytes: other characters, missing padding, bits left over.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace berth::base
