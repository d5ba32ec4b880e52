// Every code point through every stage of stages.json, in several neighbourhoods, against what reference/record_stages.cjs recorded.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/utf8.hpp"
#include "tests/tokenizer/fingerprint.hpp"
#include "tokenizer/pattern.hpp"
#include "tokenizer/stages.hpp"

namespace berth::tokenizer::testing {
namespace {

const std::filesystem::path kHere = std::filesystem::path(BERTH_SOURCE_DIR) / "tests" / "tokenizer";
constexpr std::size_t kPages = 0x1100;

struct Row {
  std::string kind, hash, units;
};

std::map<std::string, Row> recorded() {
  std::map<std::string, Row> rows;
  std::ifstream in(kHere / "expected" / "stage-sweeps.txt");
  for (std::string line; std::getline(in, line);) {
    std::istringstream stream(line);
    Row row;
    std::string name, count;
    stream >> row.kind >> name >> count >> row.hash >> row.units;
    rows[name] = row;
  }
  return rows;
}

// The same texts are in record_stages.cjs.
std::string text_of(const std::string& c) {
  return "A" + c + "b" + c + "\u0301 " + c + c + "\u0316\u0301e" + c + "\u1161\u1100" + c + "\u11a8" + "\r" + c + "\u0600" + c + "\u00a9\u200d" + c;
}
std::string words_of(const std::string& c) { return "A" + c + "b " + c + " 1" + c + c + "'" + c + "\n" + c + " ." + c + "  " + c; }

class StageUnderTest {
 public:
  explicit StageUnderTest(const StageSource& source) {
    if (source.object.has("normalizer")) {
      normalizer_ = make_normalizer(source.child(source.object.json()["normalizer"], "normalizer"));
    } else {
      pre_tokenizer_ = make_pre_tokenizer(source.child(source.object.json()["pre_tokenizer"], "pre_tokenizer"));
    }
  }

  void add(const std::string& c, Fingerprint& fingerprint) {
    if (normalizer_) {
      out_.clear();
      const std::string text = text_of(c);
      normalizer_->apply({text, nullptr, 0}, out_, scratch_);
      fingerprint.add_text(out_.text);
      return;
    }
    words_.text.clear();
    copy_text({words_of(c), nullptr, 0}, words_.text);
    words_.words.assign(1, {0, static_cast<std::uint32_t>(words_.text.text.size())});
    pre_tokenizer_->apply(words_);
    for (const Span& word : words_.words) {
      fingerprint.add_text(words_.word(word));
      const auto [begin, end] = words_.text.source(word.begin, word.end);
      fingerprint.add(begin);
      fingerprint.add(end);
    }
  }

 private:
  std::unique_ptr<Normalizer> normalizer_;
  std::unique_ptr<PreTokenizer> pre_tokenizer_;
  NormalizedText out_;
  NormalizerScratch scratch_;
  WordText words_;
};

class StageSweep : public ::testing::TestWithParam<std::string> {};

TEST_P(StageSweep, EqualsReference) {
  const base::Json stages = base::read_json_file(kHere / "stages.json");
  StageUnderTest stage(StageSource{base::JsonObject(stages.at(GetParam()), "stages.json", GetParam()), ""});
  const Row row = recorded().at(GetParam());
  ASSERT_EQ(row.units.size(), kPages);
  Fingerprint all;
  std::string different;
  for (std::size_t page = 0; page < kPages; ++page) {
    Fingerprint fingerprint;
    for (std::size_t c = page * 256; c < page * 256 + 256; ++c) {
      if (c >= 0xD800 && c < 0xE000) continue;
      std::string text;
      base::append_utf8(text, static_cast<char32_t>(c));
      stage.add(text, fingerprint);
    }
    all.merge(fingerprint);
    if (fingerprint.short_form() != row.units[page]) {
      std::ostringstream name;
      name << std::hex << page;
      different += " " + name.str() + "xx";
    }
  }
  EXPECT_EQ(all.hex(), row.hash) << "code points that differ:" << different;
}

std::vector<std::string> names() {
  std::vector<std::string> result;
  const base::Json stages = base::read_json_file(kHere / "stages.json");
  for (const auto& [name, stage] : stages.items()) result.push_back(name);
  return result;
}

INSTANTIATE_TEST_SUITE_P(Stages, StageSweep, ::testing::ValuesIn(names()), [](const auto& info) {
  std::string name = info.param;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
});

// Nothing but the clock stops those: after ten seconds.
TEST(Regex, PatternsThatOnlyGoForwardGiveUp) {
  std::string text;
  for (int i = 0; i < 4 << 20; ++i) text += "ab";
  const auto pattern = make_regex("(?>[ab]+)x", "field");
  std::vector<Span> matches;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THROW(pattern->find(text, matches), base::Error);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(120));
}

}  // namespace
}  // namespace berth::tokenizer::testing
