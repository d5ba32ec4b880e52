// What the command line's JSON lines have in common.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <berth/berth.hpp>

#include "apps/common/findings_json.hpp"
#include "base/json_text.hpp"

namespace berth::cli {

struct Record;

using apps::append_offsets;
using apps::append_text_or_null;
using base::append_array;
using base::append_matrix;
using base::append_number;
using base::append_string;

// `"text":"…","text_pair":"…",` of a record, as far as it has them: nothing for ids.
void append_texts(std::string& out, const Record& record);
// `"tokens":n,"truncated":false`
void append_row(std::string& out, std::uint64_t tokens, bool truncated);
// The same of a row; with `windows` also `,"windows":n`.
void append_row(std::string& out, const Row& row, bool windows);

// JSON has no NaN: a result that is not finite is a DataError naming the record it came from.
void require_finite(std::span<const float> values, const Record& record);

}  // namespace berth::cli
