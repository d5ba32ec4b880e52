// Checks of option values, in the words a user sees after "berth: --option: ". An empty string: good.
#pragma once

#include <string>
#include <vector>

namespace berth::cli {

std::string check_positive(const std::string& text);  // a whole number from 1 to 2147483647
std::string check_limit(const std::string& text);     // the same up to 2^63 - 1: what is beyond the largest that makes a difference is fine
std::string check_count(const std::string& text);     // a whole number from 0 to 2^63 - 1
// One of "a|b|c".
std::string check_choice(const std::string& text, const std::string& choices);
std::string check_encoding(const std::string& text);                                                     // what becomes a part of JSON
std::string check_fraction(const std::string& text);                                                     // a number from 0 to 1
std::string check_between(const std::string& text, double least, double most, const std::string& unit);  // a number; unit: " seconds"

// A file besides standard output, which has something else to say: "-" is none.
std::string check_other_file(const std::string& path, const std::string& instead);

// "a, b,c" as its parts, without white space around them and without empty ones.
std::vector<std::string> split_list(const std::string& text);
// The same with the spaces that stand beside a comma.
std::vector<std::string> split_exactly(const std::string& text);

}  // namespace berth::cli
