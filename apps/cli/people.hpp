// Text in columns, for a person at a terminal.
#pragma once

#include <string>
#include <string_view>

namespace berth::cli {

// `text` on one line: control characters (which could steer a terminal) as U+FFFD, line breaks and tabs as spaces, and what does not fit in
// `columns` cells replaced by "…". Valid UTF-8 in, valid UTF-8 out.
std::string one_line(std::string_view text, int columns);
int display_width(std::string_view text);
std::string pad_right(std::string_view text, int columns);  // with spaces up to `columns` cells

std::string fixed(double value, int decimals);
std::string grouped(double value);  // 12345.6 -> "12,346"

}  // namespace berth::cli
