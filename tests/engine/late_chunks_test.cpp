// Late chunking against its definition in double: the token embeddings of the whole text, pooled over those that end in a stretch.
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/utf8.hpp"
#include "engine/model.hpp"
#include "tests/engine/inputs.hpp"
#include "tests/engine/reference_case.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::test {
namespace {

using base::ErrorCode;
using engine::Model;
using engine::RunOptions;
using Spans = std::vector<berth_span>;

struct Chunks {
  std::vector<float> values;
  std::vector<std::uint32_t> tokens;
  berth_row row{};
};

Chunks chunks(const Model& model, const std::string& text, const Spans& spans, const RunOptions& options = {}) {
  Chunks result;
  result.values.resize(spans.size() * model.embedding_size(options));
  result.tokens.resize(spans.size());
  const berth_input input = text_input(text);
  const std::span<const berth_span> list = spans;
  model.encode_chunks({&input, 1}, {&list, 1}, options, result.values.data(), result.tokens.data(), &result.row);
  return result;
}

enum class Mode { mean, sqrt_len, max };

// What a stretch gives, by hand; `shift` code points stand before the text where it is tokenized.
std::vector<double> by_hand(const Model& model, const std::string& tokenized, const RunOptions& options, const berth_span& span, std::size_t shift, Mode mode,
                            std::size_t* count) {
  const berth_input input = text_input(tokenized);
  const tokenizer::Encoding encoding = model.tokenize(input, 0, {});
  engine::TokenValues hidden;
  RunOptions plain = options;
  plain.prompt = "";
  model.encode({&input, 1}, plain, nullptr, nullptr, &hidden);
  EXPECT_EQ(hidden.values.size(), encoding.size() * hidden.size);
  std::vector<double> sum(hidden.size, mode == Mode::max ? -1e30 : 0.0);
  *count = 0;
  for (std::size_t t = 0; t < encoding.size(); ++t) {
    const auto [begin, end] = encoding.offsets[t];
    if (encoding.special_mask[t] != 0 || end == begin || end - 1 < span.begin + shift || end - 1 >= span.end + shift) continue;
    ++*count;
    for (std::size_t i = 0; i < hidden.size; ++i) {
      const double value = static_cast<double>(hidden.values[t * hidden.size + i]);
      sum[i] = mode == Mode::max ? std::max(sum[i], value) : sum[i] + value;
    }
  }
  for (double& value : sum) value /= mode == Mode::mean ? static_cast<double>(*count) : mode == Mode::sqrt_len ? std::sqrt(static_cast<double>(*count)) : 1.0;
  return sum;
}

const std::string kText = "the quick brown fox, jumps over the lazy dog! and naïve 狐 cats run";
const Spans kSpans = {{0, 19}, {19, 45}, {45, 66}, {4, 30}, {0, 66}, {20, 21}};

void expect_chunks(const Model& model, const Chunks& got, const std::string& tokenized, const RunOptions& options, const Spans& spans, std::size_t shift,
                   Mode mode, bool normalized) {
  const std::size_t size = model.embedding_size(options);
  for (std::size_t c = 0; c < spans.size(); ++c) {
    std::size_t count = 0;
    std::vector<double> expected = by_hand(model, tokenized, options, spans[c], shift, mode, &count);
    ASSERT_EQ(got.tokens[c], count) << c;
    if (count == 0) {
      for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(got.values[c * size + i], 0.0F);
      continue;
    }
    double square = 0;
    for (const double value : expected) square += value * value;
    for (std::size_t i = 0; i < size; ++i)
      ASSERT_NEAR(static_cast<double>(got.values[c * size + i]), normalized ? expected[i] / std::sqrt(square) : expected[i], 3e-6)
          << "chunk " << c << ", " << i;
  }
}

TEST(LateChunks, AreThePooledTokensOfTheWholeText) {
  for (const auto& [name, mode, normalized] : {std::tuple{"st-mean", Mode::mean, false},
                                               {"st-mean-normalize", Mode::mean, true},
                                               {"st-mean-sqrt-len", Mode::sqrt_len, false},
                                               {"st-max", Mode::max, false}}) {
    SCOPED_TRACE(name);
    const auto model = Model::load(reference(name).string(), {.threads = 2});
    const Chunks got = chunks(*model, kText, kSpans);
    expect_chunks(*model, got, kText, {}, kSpans, 0, mode, normalized);
    EXPECT_EQ(got.tokens[0] + got.tokens[1] + got.tokens[2], got.tokens[4]);
    EXPECT_EQ(got.tokens[5], 0U);  // a space
    EXPECT_EQ(got.tokens[4] + 2, got.row.tokens);
  }
}

TEST(LateChunks, ModulesBehindThePoolingRun) {
  const auto model = Model::load(reference("st-dense-tanh").string(), {.threads = 1});
  const Chunks got = chunks(*model, kText, kSpans, {.truncate_dim = 5, .normalize = true});
  ASSERT_EQ(got.values.size(), kSpans.size() * 5);
  for (std::size_t c = 0; c + 1 < kSpans.size(); ++c) {
    double square = 0;
    for (std::size_t i = 0; i < 5; ++i) square += std::pow(static_cast<double>(got.values[c * 5 + i]), 2);
    EXPECT_NEAR(square, 1.0, 1e-6);
  }
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(got.values[5 * 5 + i], 0.0F);  // not what Dense makes of zeros
}

TEST(LateChunks, PromptsAndWhatIsStrippedShiftTheText) {
  const TempDirectory files;
  std::filesystem::copy(reference("st-mean"), files / "model", std::filesystem::copy_options::recursive);
  files.write("model/modules.json", R"([{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},
                                        {"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"}])");
  files.write("model/sentence_bert_config.json", R"({"max_seq_length":64,"do_lower_case":true})");
  const auto model = Model::load((files / "model").string(), {.threads = 2});
  const std::string text = " \t İThe fox\n";  // stripped, and the second letter becomes two
  const Spans spans = {{0, 4}, {3, 7}, {8, 11}, {0, 12}};
  const Chunks got = chunks(*model, text, spans);
  const std::string lower = "i̇the fox";
  for (const auto& [chunk, in_lower] : {std::pair<std::size_t, berth_span>{0, {0, 2}}, {1, {0, 5}}, {2, {6, 9}}, {3, {0, 9}}}) {
    const Chunks direct = chunks(*model, lower, {in_lower});
    EXPECT_EQ(got.tokens[chunk], direct.tokens[0]) << chunk;
    EXPECT_TRUE(std::equal(direct.values.begin(), direct.values.end(), got.values.begin() + static_cast<std::ptrdiff_t>(chunk * direct.values.size())))
        << chunk;
  }
  const std::string prompt = " a cat: ";
  const Chunks prompted = chunks(*model, "the fox", {{0, 3}, {4, 7}}, {.prompt = prompt});
  expect_chunks(*model, prompted, "a cat: the fox", {}, {{0, 3}, {4, 7}}, 7, Mode::mean, false);
}

TEST(LateChunks, WhatIsCutAwayHasNoTokens) {
  const auto model = Model::load(reference("st-mean").string(), {.threads = 1});
  const Chunks got = chunks(*model, kText, kSpans, {.max_length = 7});
  EXPECT_EQ(got.row.truncated, 1U);
  EXPECT_EQ(got.tokens[0] + got.tokens[1], 5U);
  EXPECT_EQ(got.tokens[2], 0U);
  const std::size_t size = model->embedding_size();
  for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(got.values[2 * size + i], 0.0F);
  expect_error(ErrorCode::too_long, {"input 0", "7"}, [&] { chunks(*model, kText, kSpans, {.max_length = 7, .long_text = engine::LongText::error}); });
}

TEST(LateChunks, WindowsCountEachTokenOnce) {
  const auto model = Model::load(reference("st-mean").string(), {.threads = 2});
  const RunOptions windows{.max_length = 12, .long_text = engine::LongText::window, .stride = 3};
  const Chunks got = chunks(*model, kText, kSpans, windows);
  EXPECT_GT(got.row.windows, 1U);
  std::size_t count = 0;
  for (std::size_t c = 0; c < kSpans.size(); ++c) {
    by_hand(*model, kText, {}, kSpans[c], 0, Mode::mean, &count);
    EXPECT_EQ(got.tokens[c], count) << c;
  }
  // By hand: 10 tokens of each window are the text's, the last 3 of which begin the next.
  const tokenizer::Encoding whole = model->tokenize(text_input(kText), 0, {});
  const std::size_t size = model->embedding_size();
  std::vector<double> sum(size, 0.0);
  for (std::size_t begin = 1; begin + 1 < whole.size(); begin += 7) {
    std::vector<std::int32_t> ids = {whole.ids.front()};
    const std::size_t end = std::min(begin + 10, whole.size() - 1);
    ids.insert(ids.end(), whole.ids.begin() + static_cast<std::ptrdiff_t>(begin), whole.ids.begin() + static_cast<std::ptrdiff_t>(end));
    ids.push_back(whole.ids.back());
    engine::TokenValues hidden;
    const berth_input input = ids_input(ids);
    model->encode({&input, 1}, {}, nullptr, nullptr, &hidden);
    for (std::size_t t = begin == 1 ? 1 : 4; t + 1 < ids.size(); ++t)
      for (std::size_t i = 0; i < size; ++i) sum[i] += static_cast<double>(hidden.values[t * size + i]);
    if (end == whole.size() - 1) break;
  }
  for (std::size_t i = 0; i < size; ++i) EXPECT_NEAR(static_cast<double>(got.values[4 * size + i]), sum[i] / static_cast<double>(got.tokens[4]), 3e-6) << i;
}

TEST(LateChunks, BitsDependOnNothingElse) {
  std::string text;
  Spans spans;
  for (std::uint32_t i = 0; i < 40; ++i) {
    spans.push_back({static_cast<std::uint32_t>(base::count_code_points(text)), 0});
    text += i % 2 == 0 ? "the lazy dog and cats. " : "naïve foxes jump, ";
    spans.back().end = static_cast<std::uint32_t>(base::count_code_points(text));
  }
  const auto one = Model::load(reference("st-mean").string(), {.threads = 1});
  const auto two = Model::load(reference("st-mean").string(), {.threads = 2});
  for (const engine::LongText how : {engine::LongText::truncate, engine::LongText::window}) {
    const Chunks expected = chunks(*one, text, spans, {.long_text = how});
    EXPECT_EQ(chunks(*two, text, spans, {.long_text = how}).values, expected.values);
    EXPECT_EQ(chunks(*two, text, spans, {.batch_tokens = 1, .long_text = how}).values, expected.values);
  }
  // Several texts in a call.
  const std::vector<berth_input> inputs = {text_input(kText), text_input(text), text_input(kText)};
  const std::vector<std::span<const berth_span>> lists = {kSpans, spans, {}};
  std::vector<float> all((kSpans.size() + spans.size()) * one->embedding_size());
  std::vector<berth_row> rows(3);
  two->encode_chunks(inputs, lists, {}, all.data(), nullptr, rows.data());
  std::vector<float> apart = chunks(*one, kText, kSpans).values;
  const std::vector<float> second = chunks(*one, text, spans).values;
  apart.insert(apart.end(), second.begin(), second.end());
  EXPECT_EQ(all, apart);
  EXPECT_EQ(rows[2].tokens, rows[0].tokens);
}

TEST(LateChunks, WhatIsRefused) {
  const auto model = Model::load(reference("st-mean").string(), {.threads = 1});
  expect_error(ErrorCode::invalid_argument, {"input 0", "span 1", "5 to 4"}, [&] { chunks(*model, "a fox", {{0, 1}, {5, 4}}); });
  expect_error(ErrorCode::invalid_argument, {"input 0", "span 0", "0 to 6", "5 code points"}, [&] { chunks(*model, "a fóx", {{0, 6}}); });
  const std::vector<std::int32_t> ids = {1, 2};
  const berth_span span{0, 1};
  const std::span<const berth_span> list(&span, 1);
  std::vector<float> out(model->embedding_size());
  expect_error(ErrorCode::invalid_argument, {"input 0", "ids"}, [&] {
    model->encode_chunks(std::vector{ids_input(ids)}, {&list, 1}, {}, out.data(), nullptr, nullptr);
  });
  berth_input pair = text_input("a");
  pair.text_pair = {"b", 1};
  expect_error(ErrorCode::invalid_argument, {"text_pair"}, [&] { model->encode_chunks({&pair, 1}, {&list, 1}, {}, out.data(), nullptr, nullptr); });
  for (const char* name : {"st-cls-normalize", "st-lasttoken", "st-weightedmean"}) {
    const auto other = Model::load(reference(name).string(), {.threads = 1});
    expect_error(ErrorCode::unsupported, {"spans", "pooling is"}, [&] { chunks(*other, "a fox", {{0, 1}}); });
  }
}

}  // namespace
}  // namespace berth::test
