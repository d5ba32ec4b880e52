// Against Hugging Face `tokenizers`: fingerprints recorded by reference/record_expected.cjs, compared unit by unit (a line, a pair of lines,
// 256 code points). What lies in the shared data folder is skipped where that folder is absent.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/tokenizer/fingerprint.hpp"
#include "tests/tokenizer/hostile_text.hpp"
#include "tokenizer/normalizers/normalizers.hpp"
#include "tokenizer/pre_tokenizers/pre_tokenizers.hpp"

namespace berth::tokenizer::testing {
namespace {

namespace fs = std::filesystem;

const fs::path kHere = fs::path(BERTH_SOURCE_DIR) / "tests" / "tokenizer";
const fs::path kExpected = kHere / BERTH_EXPECTED;  // "expected", or "expected/hostile" in the slow test

fs::path shared_folder() {
  const char* from_environment = std::getenv("BERTH_SHARED");
  return from_environment != nullptr ? fs::path(from_environment) : fs::path(BERTH_SOURCE_DIR).parent_path() / "shared";
}

struct Row {
  std::string kind, name, hash, units;
  std::size_t count = 0;
};

struct Expected {
  std::string tokenizer;             // file or folder below the shared folder, or own/FILE
  std::vector<std::string> options;  // class=NAME, and FILE=NAME for the files of the folder to use and the names to give them
  std::vector<Row> rows;
};

Expected read_expected(const fs::path& path) {
  Expected expected;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::istringstream stream(line);
    Row row;
    stream >> row.kind;
    if (row.kind == "tokenizer") {
      stream >> expected.tokenizer;
      for (std::string option; stream >> option;) expected.options.push_back(option);
      continue;
    }
    stream >> row.name >> row.count >> row.hash >> row.units;
    expected.rows.push_back(row);
  }
  return expected;
}

// Runs `unit` for every unit of the row and reports the first that differs; `describe` tells what it was. `in_turn`: a unit depends on those before it.
void compare(const Row& row, std::size_t count, const std::function<Fingerprint(std::size_t)>& unit, const std::function<std::string(std::size_t)>& describe,
             bool in_turn = false) {
  // A sanitizer's build looks at a seventh: every seventh, or those at the beginning.
  const bool all_of_them = !test::kSanitized;
  const std::size_t step = all_of_them || in_turn ? 1 : 7;
  const std::size_t end = all_of_them || !in_turn ? row.count : (row.count + 6) / 7;
  ASSERT_EQ(count, row.count) << row.kind << ' ' << row.name << ": the data is not what was recorded";
  ASSERT_EQ(row.units.size(), row.count);
  Fingerprint all;
  std::size_t different = 0;
  std::string first;
  for (std::size_t i = 0; i < end; i += step) {
    const Fingerprint fingerprint = unit(i);
    all.merge(fingerprint);
    if (fingerprint.short_form() == row.units[i]) continue;
    if (different++ < 3) first += "\n  " + describe(i);
  }
  EXPECT_EQ(different, 0U) << row.kind << ' ' << row.name << ": of " << count << " units differ:" << first;
  if (all_of_them) {
    EXPECT_EQ(all.hex(), row.hash) << row.kind << ' ' << row.name;
  }
}

std::string show(const Tokenizer& tokenizer, const Encoding& encoding) {
  std::string text;
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    text += std::string(tokenizer.token(encoding.ids[i])) + "(" + std::to_string(encoding.ids[i]) + ":" + std::to_string(encoding.type_ids[i]) + ")[" +
            std::to_string(encoding.offsets[i].first) + "," + std::to_string(encoding.offsets[i].second) + "] ";
  }
  for (const Encoding& window : encoding.overflow) text += "\n      overflow " + show(tokenizer, window);
  return text;
}

Fingerprint fingerprint_of(const Encoding& encoding, bool sequences = true) {
  Fingerprint fingerprint(sequences);
  fingerprint.add_encoding(encoding);
  return fingerprint;
}

std::vector<std::string> read_lines(const fs::path& path) {
  const std::string text = base::read_file(path, 64 << 20);
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end == std::string::npos ? end : end - begin));
    if (end == std::string::npos) return lines;
    begin = end + 1;
  }
}

// The first 2000 UTF-16 units, as the recording script cuts; never half of a pair.
std::string cut(const std::string& text) {
  std::size_t units = 0;
  for (std::size_t at = 0; at < text.size();) {
    const base::CodePoint c = base::decode_utf8(text, at);
    units += c.value > 0xFFFF ? 2 : 1;
    if (units > 2000) return text.substr(0, at);
    at += c.length;
  }
  return text;
}

struct PairSettings {
  Truncation truncation;
  bool special;
};

// The rule of record_expected.cjs.
PairSettings pair_settings(std::size_t i, std::size_t first, std::size_t second, std::size_t added_tokens) {
  PairSettings settings;
  settings.special = i % 5 != 4;
  const std::size_t added = settings.special ? added_tokens : 0;
  const std::size_t room = 6 + (i * 7) % 29;
  Truncation& truncation = settings.truncation;
  truncation.max_length = added + room;
  truncation.stride = i % 3;
  const std::size_t choice = (i >> 1) % 3;
  if (choice == 1 && second + truncation.stride < room) truncation.strategy = TruncationStrategy::only_first;
  if (choice == 2 && first + truncation.stride < room) truncation.strategy = TruncationStrategy::only_second;
  truncation.side = i % 2 == 0 ? TruncationSide::right : TruncationSide::left;
  return settings;
}

Encoding encode_pair(const Tokenizer& tokenizer, std::size_t i, std::string_view text, std::string_view pair) {
  EncodeOptions plain;
  plain.add_special_tokens = false;
  const PairSettings settings =
      pair_settings(i, tokenizer.encode(text, plain).size(), tokenizer.encode(pair, plain).size(), tokenizer.num_special_tokens(true));
  EncodeOptions options;
  options.add_special_tokens = settings.special;
  options.truncation = settings.truncation;
  options.keep_overflow = true;
  return tokenizer.encode(text, pair, options);
}

void compare_pairs(const Row& row, const Tokenizer& tokenizer, const std::vector<std::string>& lines) {
  const auto encode = [&](std::size_t i) { return encode_pair(tokenizer, i, cut(lines[i]), cut(lines[i + 1])); };
  compare(
      row, lines.size() - 1, [&](std::size_t i) { return fingerprint_of(encode(i), false); },
      [&](std::size_t i) { return "pair " + std::to_string(i + 1) + ": " + show(tokenizer, encode(i)); });
}

std::string utf8(char32_t c) {
  std::string text;
  base::append_utf8(text, c);
  return text;
}

constexpr std::size_t kPages = 0x1100;

template <class Body>
void for_page(std::size_t page, Body&& body) {
  for (std::size_t c = page * 256; c < page * 256 + 256; ++c) {
    if (c < 0xD800 || c >= 0xE000) body(static_cast<char32_t>(c));
  }
}

// "all", or "assigned": planes 0 to 3 and the tags, where characters are assigned.
std::vector<std::size_t> sweep_pages(const std::string& name) {
  std::vector<std::size_t> pages;
  for (std::size_t page = 0; page < kPages; ++page) {
    if (name == "all" || page < 0x340 || (page >= 0xE00 && page < 0xE02)) pages.push_back(page);
  }
  return pages;
}

void compare_sweep(const Row& row, const Tokenizer& tokenizer) {
  const std::vector<std::size_t> pages = sweep_pages(row.name);
  compare(
      row, pages.size(),
      [&](std::size_t i) {
        const std::size_t page = pages[i];
        Fingerprint fingerprint;
        for_page(page, [&](char32_t c) {
          fingerprint.add_encoding(tokenizer.encode(utf8(c)));
          fingerprint.add_encoding(tokenizer.encode("a" + utf8(c) + "b"));
        });
        return fingerprint;
      },
      [&](std::size_t i) { return "code points from " + std::to_string(pages[i] * 256); });
}

void compare_random(const Row& row, const Tokenizer& tokenizer) {
  const base::Json alphabet = base::read_json_file(kHere / "data" / row.name);
  const bool pairs = row.kind == "random_pairs";
  Random random(pairs ? 19991231 : 20240229);
  const auto draw_text = [&](std::uint32_t limit) {
    std::string text;
    for (std::uint32_t length = random.below(limit); length > 0; --length) {
      text += alphabet[random.below(static_cast<std::uint32_t>(alphabet.size()))].get<std::string>();
    }
    return text;
  };
  std::size_t unit = 0;
  const auto draw = [&](std::string& shown) {
    Fingerprint fingerprint(!pairs);
    const auto add = [&](const Encoding& encoding, const std::string& text) {
      fingerprint.add_encoding(encoding);
      shown += "\n    " + base::quoted(text, 400) + ": " + show(tokenizer, encoding);
    };
    if (pairs) {
      const std::string text = draw_text(40);
      const std::string pair = draw_text(40);
      add(encode_pair(tokenizer, unit++, text, pair), text + " | " + pair);
      return fingerprint;
    }
    for (int i = 0; i < 10; ++i) {
      const std::string text = draw_text(14);
      add(tokenizer.encode(text), text);
    }
    return fingerprint;
  };
  std::map<std::size_t, std::string> shown;
  compare(
      row, row.count, [&](std::size_t i) { return draw(shown[i]); }, [&](std::size_t i) { return "unit " + std::to_string(i) + shown[i]; }, true);
}

// Texts nobody would write, 200 to a unit.
void compare_hostile(const Row& row, const Tokenizer& tokenizer) {
  Random random(20261121);
  HostileText hostile(random);
  std::vector<std::string> texts(200);
  compare(
      row, row.count,
      [&](std::size_t) {
        Fingerprint fingerprint;
        for (std::string& text : texts) {
          text = hostile.draw();
          fingerprint.add_encoding(tokenizer.encode(text));
        }
        return fingerprint;
      },
      [&](std::size_t i) {
        std::string shown = "unit " + std::to_string(i);
        for (const std::string& text : texts) shown += "\n" + base::quoted(text, 1000) + ": " + show(tokenizer, tokenizer.encode(text));
        return shown;
      },
      true);
}

void compare_row(const Row& row, const Tokenizer& tokenizer) {
  if (row.kind == "hostile") return compare_hostile(row, tokenizer);
  if (row.kind == "sweep") return compare_sweep(row, tokenizer);
  if (row.kind == "random" || row.kind == "random_pairs") return compare_random(row, tokenizer);
  const std::vector<std::string> lines = read_lines(shared_folder() / "data" / "text" / row.name);
  if (row.kind == "pairs") return compare_pairs(row, tokenizer, lines);
  ASSERT_EQ(row.kind, "lines");
  compare(
      row, lines.size(), [&](std::size_t i) { return fingerprint_of(tokenizer.encode(lines[i])); },
      [&](std::size_t i) { return "line " + std::to_string(i + 1) + ": " + show(tokenizer, tokenizer.encode(lines[i])); });
}

// Some files of a folder, in a folder of their own with a tokenizer_config.json that names the class.
Tokenizer load_files(const fs::path& path, const std::vector<std::string>& options) {
  const fs::path copy = fs::path(::testing::TempDir()) / ("berth-files-" + std::to_string(::getpid()));
  fs::remove_all(copy);
  fs::create_directories(copy);
  for (const std::string& option : options) {
    const std::string from = option.substr(0, option.find('='));
    const std::string to = option.substr(option.find('=') + 1);
    if (from == "class") {
      std::ofstream(copy / "tokenizer_config.json") << base::Json{{"tokenizer_class", to}};
    } else {
      fs::copy_file(path / from, copy / to);
    }
  }
  Tokenizer tokenizer = Tokenizer::load(copy);
  fs::remove_all(copy);
  return tokenizer;
}

// A single tokenizer.json is read alone; koelectra-small comes without one, and with a misnamed tokenizer_config.json.
Tokenizer load(const fs::path& path, const std::vector<std::string>& options) {
  if (!options.empty()) return load_files(path, options);
  if (fs::is_regular_file(path)) return Tokenizer::from_json(base::read_file(path, 64 << 20), path.string());
  const fs::path copy = fs::path(::testing::TempDir()) / ("berth-" + path.filename().string());
  fs::create_directories(copy);
  for (const auto& entry : fs::directory_iterator(path)) {
    fs::path name = entry.path().filename();
    if (name == "tokenizer_config.json.json") name = "tokenizer_config.json";
    fs::remove(copy / name);
    fs::copy_file(entry.path(), copy / name);
  }
  return Tokenizer::load(copy);
}

class Differential : public ::testing::TestWithParam<std::string> {};

TEST_P(Differential, EqualsReference) {
  const Expected expected = read_expected(kExpected / (GetParam() + ".txt"));
  ASSERT_FALSE(expected.rows.empty());
  const bool is_own = expected.tokenizer.starts_with("own/");
  const fs::path path = is_own ? kHere / "data" / expected.tokenizer.substr(4) : shared_folder() / expected.tokenizer;
  if (!is_own && !fs::exists(path)) GTEST_SKIP() << path << " is not here: set BERTH_SHARED to the folder of shared data";
  const Tokenizer tokenizer = load(path, expected.options);
  for (const Row& row : expected.rows) compare_row(row, tokenizer);
}

std::vector<std::string> recorded() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kExpected)) {
    if (entry.path().extension() == ".txt" && !entry.path().stem().string().starts_with("stage")) names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Recorded, Differential, ::testing::ValuesIn(recorded()), [](const auto& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
});

TEST(StageSweep, NormalizersAndPreTokenizerEqualReference) {
  if (kExpected.stem() != "expected") GTEST_SKIP() << "the other test of this source does it";
  const Expected expected = read_expected(kHere / "expected" / "stages.txt");
  ASSERT_EQ(expected.rows.size(), 25u);
  for (const Row& row : expected.rows) {
    if (row.kind == "pre_tokenizer") {
      const auto pre_tokenizer = make_bert_pre_tokenizer();
      compare(
          row, kPages,
          [&](std::size_t page) {
            Fingerprint fingerprint;
            for_page(page, [&](char32_t c) {
              WordText text;
              copy_text({"A" + utf8(c) + "b", nullptr, 0}, text.text);
              text.words = {{0, static_cast<std::uint32_t>(text.text.text.size())}};
              pre_tokenizer->apply(text);
              for (const Span& word : text.words) fingerprint.add_text(text.word(word));
              fingerprint.add(static_cast<std::int64_t>(text.words.size()));
            });
            return fingerprint;
          },
          [](std::size_t page) { return "code points from " + std::to_string(page * 256); });
      continue;
    }
    const int bits = std::stoi(row.name.substr(5));
    BertNormalizerOptions options;
    options.clean_text = (bits & 1) != 0;
    options.handle_chinese_chars = (bits & 2) != 0;
    options.lowercase = (bits & 4) != 0;
    if ((bits >> 3) != 0) options.strip_accents = (bits >> 3) == 1;
    const auto normalizer = make_bert_normalizer(options);
    compare(
        row, kPages,
        [&](std::size_t page) {
          Fingerprint fingerprint;
          NormalizedText out;
          for_page(page, [&](char32_t c) {
            out.clear();
            const std::string text = "A" + utf8(c) + "b";
            NormalizerScratch scratch;
            normalizer->apply({text, nullptr, 0}, out, scratch);
            fingerprint.add_text(out.text);
          });
          return fingerprint;
        },
        [](std::size_t page) { return "code points from " + std::to_string(page * 256); });
  }
}

}  // namespace
}  // namespace berth::tokenizer::testing
