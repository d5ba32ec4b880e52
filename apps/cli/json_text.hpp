// JSON as the command line writes it: UTF-8 kept as it is, floats in the fewest digits that read back to the same bits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace berth::cli {

struct Record;

void append_string(std::string& out, std::string_view text);  // quoted and escaped; `text` is valid UTF-8
void append_number(std::string& out, float value);            // finite
void append_number(std::string& out, std::uint64_t value);
void append_array(std::string& out, std::span<const float> values);
void append_array(std::string& out, std::span<const std::int32_t> values);

// `"text":"…","text_pair":"…",` of a record, as far as it has them: nothing for ids.
void append_texts(std::string& out, const Record& record);
// `"tokens":n,"truncated":false`
void append_row(std::string& out, std::uint64_t tokens, bool truncated);

// JSON has no NaN: a result that is not finite is a DataError naming the record it came from.
void require_finite(std::span<const float> values, const Record& record);

}  // namespace berth::cli
