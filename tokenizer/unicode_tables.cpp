#include "tokenizer/unicode_tables.hpp"
namespace berth::tokenizer {
std::span<const FlagDifference> flag_differences() { return {}; }
std::span<const CombiningClassDifference> combining_class_differences() { return {}; }
std::span<const MappingDifference> decomposition_differences() { return {}; }
std::span<const MappingDifference> lower_case_differences() { return {}; }
}
