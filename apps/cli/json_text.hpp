// JSON as the command line writes it: UTF-8 kept as it is, floats in the fewest digits that read back to the same bits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <berth/berth.hpp>

namespace berth::cli {

struct Record;

void append_string(std::string& out, std::string_view text);  // quoted and escaped; `text` is valid UTF-8
void append_number(std::string& out, float value);            // finite
void append_number(std::string& out, std::uint64_t value);
void append_array(std::string& out, std::span<const float> values);
void append_array(std::string& out, std::span<const std::int32_t> values);
// [vectors][size] of values that lie one vector after another.
void append_matrix(std::string& out, std::span<const float> values, std::size_t size);

// `"text":"…","text_pair":"…",` of a record, as far as it has them: nothing for ids.
void append_texts(std::string& out, const Record& record);
// `"tokens":n,"truncated":false`
void append_row(std::string& out, std::uint64_t tokens, bool truncated);
// The same of a row; with `windows` also `,"windows":n`.
void append_row(std::string& out, const Row& row, bool windows);

void append_text_or_null(std::string& out, const berth_string& text);
// `,"start":b,"end":e` in code points; null for rows of ids.
void append_offsets(std::string& out, const berth_finding& finding);

// JSON has no NaN: a result that is not finite is a DataError naming the record it came from.
void require_finite(std::span<const float> values, const Record& record);

}  // namespace berth::cli
