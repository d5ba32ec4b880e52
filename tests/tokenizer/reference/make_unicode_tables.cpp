// Compares the output of dump_code_points.cjs with what tokenizer/unicode.cpp derives from utf8proc alone, and prints
// tokenizer/unicode_tables.cpp: the differences. See README.md.
#include <algorithm>
#include <array>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tokenizer/unicode.hpp"
#include "tokenizer/unicode_tables.hpp"

namespace berth::tokenizer {

// unicode.cpp is built into this program without its differences.
std::span<const FlagDifference> flag_differences() { return {}; }
std::span<const CombiningClassDifference> combining_class_differences() { return {}; }
std::span<const MappingDifference> decomposition_differences() { return {}; }
std::span<const MappingDifference> lower_case_differences() { return {}; }
std::span<const CodePointRange> no_compatibility_ranges() { return {}; }

namespace {

using CodePoint = std::uint32_t;

struct Facts {
  unsigned flags = 0;
  unsigned combining_class = 0;
  std::vector<CodePoint> decomposition;  // empty: itself
  std::vector<CodePoint> lower;          // empty: itself
  std::vector<CodePoint> compatibility;  // empty: itself
};

std::vector<CodePoint> parse_points(const std::string& text) {
  std::vector<CodePoint> points;
  if (text == "-") return points;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) points.push_back(static_cast<CodePoint>(std::stoul(part, nullptr, 16)));
  return points;
}

std::map<CodePoint, Facts> read_facts(std::istream& in) {
  std::map<CodePoint, Facts> facts;
  for (std::string line; std::getline(in, line);) {
    std::stringstream stream(line);
    std::string code_point, decomposition, lower, compatibility;
    Facts entry;
    stream >> code_point >> entry.flags >> entry.combining_class >> decomposition >> lower >> compatibility;
    entry.decomposition = parse_points(decomposition);
    entry.lower = parse_points(lower);
    entry.compatibility = parse_points(compatibility);
    facts[static_cast<CodePoint>(std::stoul(code_point, nullptr, 16))] = entry;
  }
  return facts;
}

std::vector<CodePoint> or_empty(const CharSequence& sequence, CodePoint self) {
  if (sequence.size == 1 && sequence.chars[0] == self) return {};
  return {sequence.begin(), sequence.end()};
}

void print_ranges(std::ostream& out, const std::string& name, const std::vector<CodePoint>& points) {
  out << "constexpr CodePointRange " << name << "[] = {";
  std::size_t column = 0;
  for (std::size_t i = 0; i < points.size();) {
    std::size_t end = i + 1;
    while (end < points.size() && points[end] == points[end - 1] + 1) ++end;
    out << (column++ % 6 == 0 ? "\n    " : " ") << std::hex << "{0x" << points[i] << ", 0x" << points[end - 1] << "}," << std::dec;
    i = end;
  }
  out << "\n};\n\n";
}

void print_mappings(std::ostream& out, const std::string& name, const std::vector<std::pair<CodePoint, std::vector<CodePoint>>>& mappings) {
  out << "constexpr MappingDifference " << name << "[] = {";
  std::size_t column = 0;
  for (const auto& [from, to] : mappings) {
    out << (column++ % 4 == 0 ? "\n    " : " ") << std::hex << "{0x" << from << ", {";
    for (std::size_t i = 0; i < to.size(); ++i) out << (i > 0 ? ", " : "") << "0x" << to[i];
    out << "}}," << std::dec;
  }
  out << "\n};\n\n";
}

constexpr std::pair<CharFlag, const char*> kFlagNames[] = {
    {kSpace, "kSpace"},
    {kControl, "kControl"},
    {kIdeograph, "kIdeograph"},
    {kPunctuation, "kPunctuation"},
    {kNonspacing, "kNonspacing"},
    {kDecomposes, "kDecomposes"},
    {kLowercases, "kLowercases"},
    {kWordCharacter, "kWordCharacter"},
    {kMark, "kMark"},
    {kNumeric, "kNumeric"},
    {kLetter, "kLetter"},
    {kNumber, "kNumber"},
    {kGraphemeExtend, "kGraphemeExtend"},
    {kGraphemePrepend, "kGraphemePrepend"},
    {kGraphemeControl, "kGraphemeControl"},
    {kPictograph, "kPictograph"},
};

std::vector<CodePoint> library_compatibility(CodePoint c) {
  std::array<char32_t, kMaxCompatibility> out;
  const std::size_t size = compatibility_decomposition(c, out);
  if (size == 1 && out[0] == c) return {};
  return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size)};
}

void print_tables(const std::map<CodePoint, Facts>& facts, std::ostream& out) {
  const CharTable& chars = CharTable::instance();
  std::map<std::string, std::vector<CodePoint>> flags;
  std::vector<std::pair<CodePoint, unsigned>> classes;
  std::vector<std::pair<CodePoint, std::vector<CodePoint>>> decompositions, lowers;
  std::vector<CodePoint> no_compatibility;
  for (CodePoint c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    const auto found = facts.find(c);
    const Facts fact = found == facts.end() ? Facts{} : found->second;
    for (const auto& [flag, name] : kFlagNames) {
      if (flag == kNonspacing && !fact.decomposition.empty()) continue;  // its parts are asked, never itself
      if (flag == kGraphemeControl && c >= 0x10000) continue;            // no cluster short enough to matter holds one
      if (((chars[c].flags ^ fact.flags) & flag) != 0) flags[name].push_back(c);
    }
    if (fact.decomposition.empty() && chars[c].combining_class != fact.combining_class) classes.emplace_back(c, fact.combining_class);
    const auto expect = [c](const std::vector<CodePoint>& points) { return points.empty() ? std::vector<CodePoint>{c} : points; };
    if (or_empty(canonical_decomposition(c), c) != fact.decomposition) decompositions.emplace_back(c, expect(fact.decomposition));
    if (library_compatibility(c) != fact.compatibility) {
      if (fact.compatibility != fact.decomposition) std::cerr << std::hex << c << ": another compatibility decomposition, which no table is made for\n";
      no_compatibility.push_back(c);
    }
    if (or_empty(lower_case(c), c) != fact.lower) lowers.emplace_back(c, expect(fact.lower));
  }
  out << "// Generated by tests/tokenizer/reference/make_unicode_tables; see the README there. Do not edit.\n"
         "#include \"tokenizer/unicode_tables.hpp\"\n\n#include \"tokenizer/unicode.hpp\"\n\nnamespace berth::tokenizer {\nnamespace {\n\n";
  for (const auto& [name, points] : flags) print_ranges(out, name + "Ranges", points);
  out << "constexpr FlagDifference kFlagDifferences[] = {\n";
  for (const auto& [name, points] : flags) out << "    {" << name << ", " << name << "Ranges},\n";
  out << "};\n\nconstexpr CombiningClassDifference kCombiningClassDifferences[] = {";
  std::size_t column = 0;
  for (std::size_t i = 0; i < classes.size();) {
    std::size_t end = i + 1;
    while (end < classes.size() && classes[end].first == classes[end - 1].first + 1 && classes[end].second == classes[i].second) ++end;
    out << (column++ % 5 == 0 ? "\n    " : " ") << std::hex << "{0x" << classes[i].first << ", 0x" << classes[end - 1].first << std::dec << ", "
        << classes[i].second << "},";
    i = end;
  }
  out << "\n};\n\n";
  print_ranges(out, "kNoCompatibilityRanges", no_compatibility);
  print_mappings(out, "kDecompositionDifferences", decompositions);
  print_mappings(out, "kLowerCaseDifferences", lowers);
  out << "}  // namespace\n\n"
         "std::span<const FlagDifference> flag_differences() { return kFlagDifferences; }\n"
         "std::span<const CombiningClassDifference> combining_class_differences() { return kCombiningClassDifferences; }\n"
         "std::span<const MappingDifference> decomposition_differences() { return kDecompositionDifferences; }\n"
         "std::span<const MappingDifference> lower_case_differences() { return kLowerCaseDifferences; }\n"
         "std::span<const CodePointRange> no_compatibility_ranges() { return kNoCompatibilityRanges; }\n\n"
         "}  // namespace berth::tokenizer\n";
}

}  // namespace
}  // namespace berth::tokenizer

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_unicode_tables code_points.txt > tokenizer/unicode_tables.cpp\n";
    return 2;
  }
  std::ifstream in(argv[1]);
  if (!in) {
    std::cerr << argv[1] << ": cannot be read\n";
    return 1;
  }
  berth::tokenizer::print_tables(berth::tokenizer::read_facts(in), std::cout);
  return 0;
}
