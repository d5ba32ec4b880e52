// JSON as berth writes it: UTF-8 kept as it is, floats in the fewest digits that read back to the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace berth::base {

void append_string(std::string& out, std::string_view text);  // quoted and escaped; `text` is valid UTF-8
void append_number(std::string& out, float value);            // finite
void append_number(std::string& out, std::uint64_t value);
void append_array(std::string& out, std::span<const float> values);
void append_array(std::string& out, std::span<const std::int32_t> values);
// [vectors][size] of values that lie one vector after another.
void append_matrix(std::string& out, std::span<const float> values, std::size_t size);

}  // namespace berth::base
