#include "loaders/torch_checkpoint.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/files.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/torch_writer.hpp"

namespace berth::loaders {
namespace {

using base::ErrorCode;
using test::expect_error;
using test::torch_checkpoint;
using test::TorchTensor;

std::span<const std::byte> span_of(const std::string& file) { return {reinterpret_cast<const std::byte*>(file.data()), file.size()}; }

std::string stored_file(const std::string& name) { return base::read_file(BERTH_SOURCE_DIR "/tests/loaders/torch/" + name, 1U << 20); }

std::map<std::string, TensorEntry> parse_checkpoint(const std::string& file) {
  std::map<std::string, TensorEntry> entries;
  for (TensorEntry& entry : parse_torch_checkpoint(span_of(file), "m.bin")) entries[entry.name] = std::move(entry);
  return entries;
}

double value_at(const std::byte* at, DType dtype) {
  const auto as = [at](auto value) {
    std::memcpy(&value, at, sizeof(value));
    return value;
  };
  switch (dtype) {
    case DType::f32: return static_cast<double>(as(float{}));
    case DType::f64: return as(double{});
    case DType::i64: return static_cast<double>(as(std::int64_t{}));
    case DType::boolean: return as(std::uint8_t{});
    case DType::bf16: {
      const std::uint32_t bits = static_cast<std::uint32_t>(as(std::uint16_t{})) << 16;
      float value = 0;
      std::memcpy(&value, &bits, sizeof(value));
      return static_cast<double>(value);
    }
    case DType::f16: {  // normal numbers and 0
      const std::uint16_t bits = as(std::uint16_t{});
      return bits == 0 ? 0 : std::ldexp(1024 + (bits & 1023), (bits >> 10) - 25);
    }
    default: ADD_FAILURE() << "no such numbers"; return 0;
  }
}

// In C order, one by one.
std::vector<double> values(const std::string& file, const TensorEntry& entry) {
  const std::size_t size = size_in_bits(entry.dtype) / 8;
  std::vector<std::uint64_t> strides = entry.strides;
  if (strides.empty()) {
    strides.assign(entry.shape.size(), 1);
    for (std::size_t d = strides.size(); d-- > 1;) strides[d - 1] = strides[d] * entry.shape[d];
  }
  std::vector<double> all;
  std::vector<std::uint64_t> index(entry.shape.size());
  std::uint64_t count = 1;
  for (const std::uint64_t dimension : entry.shape) count *= dimension;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t at = entry.begin;
    for (std::size_t d = 0; d < index.size(); ++d) at += index[d] * strides[d] * size;
    EXPECT_LE(at + size, entry.end);
    all.push_back(value_at(span_of(file).data() + at, entry.dtype));
    for (std::size_t d = index.size(); d-- > 0 && ++index[d] == entry.shape[d];) index[d] = 0;
  }
  return all;
}

std::vector<double> counting(std::size_t count, double first = 0, double step = 1) {
  std::vector<double> numbers(count);
  for (std::size_t i = 0; i < count; ++i) numbers[i] = first + step * static_cast<double>(i);
  return numbers;
}

// Files that PyTorch wrote (tests/loaders/torch/make.py): its archive, the form before 1.6, another protocol of pickles.
class WrittenByTorch : public testing::TestWithParam<const char*> {};

TEST_P(WrittenByTorch, IsReadAsItIs) {
  const std::string file = stored_file(GetParam());
  ASSERT_GT(file.size(), 1000U);
  const auto entries = parse_checkpoint(file);
  EXPECT_EQ(entries.size(), 15U) << "and \"steps\" is no tensor";
  const auto expect = [&](const char* name, const char* dtype, std::vector<std::uint64_t> shape, bool contiguous, const std::vector<double>& expected) {
    ASSERT_TRUE(entries.contains(name)) << name;
    const TensorEntry& entry = entries.at(name);
    EXPECT_EQ(entry.dtype_name, dtype) << name;
    EXPECT_EQ(entry.shape, shape) << name;
    EXPECT_EQ(entry.strides.empty(), contiguous) << name;
    EXPECT_EQ(values(file, entry), expected) << name;
  };
  expect("weight", "F32", {3, 5}, true, counting(15));
  expect("weight.by_columns", "F32", {3, 5}, false, counting(15));
  expect("half", "F16", {2, 3}, true, counting(6));
  expect("half.by_columns", "F16", {20, 3}, false, counting(60));
  expect("bfloat16", "BF16", {4}, true, counting(4));
  expect("double", "F64", {2}, true, counting(2));
  expect("ids", "I64", {1, 7}, true, counting(7));
  expect("bool", "BOOL", {3}, true, {1, 0, 1});
  expect("scalar", "F32", {}, true, {0});
  expect("empty", "F32", {0, 4}, true, {});
  expect("whole", "F32", {6, 4}, true, counting(24));
  expect("rows", "F32", {2, 4}, true, counting(8, 8));
  expect("column", "F32", {6}, false, counting(6, 1, 4));
  expect("cube.by_columns", "F32", {2, 3, 4}, false, counting(24));
  expect("parameter", "F32", {2, 2}, true, counting(4));
}
INSTANTIATE_TEST_SUITE_P(Forms, WrittenByTorch, testing::Values("archive.bin", "legacy.bin", "protocol4.bin"));

TEST(TorchCheckpoint, OtherThanAStateDict) {
  for (const char* name : {"module.bin", "nested.bin"}) {
    const std::string file = stored_file(name);
    ASSERT_FALSE(file.empty());
    expect_error(ErrorCode::corrupt_file, {"m.bin: ", "state_dict"}, [&] { parse_checkpoint(file); });
  }
}

// Every file cut short is an error, or has what it has: an archive's directory is at its end.
TEST(TorchCheckpoint, CutShort) {
  for (const char* name : {"archive.bin", "legacy.bin"}) {
    const std::string whole = stored_file(name);
    for (std::size_t size = 0; size < whole.size(); ++size)
      expect_error(ErrorCode::corrupt_file, {"m.bin: "}, [&] { parse_checkpoint(whole.substr(0, size)); });
  }
}

TEST(TorchCheckpoint, Impostors) {
  const auto rejects = [](const std::string& file, const std::vector<std::string>& fragments) {
    expect_error(ErrorCode::corrupt_file, fragments, [&] { parse_checkpoint(file); });
  };
  rejects("", {"empty"});
  rejects("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n", {"Git LFS"});
  rejects("<!DOCTYPE html><html></html>", {"HTML"});
  rejects("x", {"not a PyTorch checkpoint"});
  rejects("\x80\x02}q\x01.", {"pickle"});
  rejects(test::zip({{"word/document.xml", "<x/>"}}), {"without a data.pkl"});
  rejects(test::zip({{"a/b/data.pkl", test::pickled(std::vector<TorchTensor>{})}}), {"without a data.pkl"});
}

TEST(TorchCheckpoint, ZipThatPyTorchDoesNotWrite) {
  const std::string pickle = test::pickled(std::vector<TorchTensor>{{"a", "FloatStorage", "0", 1, 0, {1}, {1}}});
  const test::ZipFiles files = {{"x/data.pkl", pickle}, {"x/data/0", "abcd"}};
  EXPECT_EQ(parse_checkpoint(test::zip(files)).size(), 1U);
  EXPECT_EQ(parse_checkpoint(test::zip(files) + "").size(), 1U);
  expect_error(ErrorCode::unsupported, {"m.bin: ", "\"x/data.pkl\"", "compressed"}, [&] { parse_checkpoint(test::zip(files, 8)); });
  expect_error(ErrorCode::unsupported, {"m.bin: ", "\"x/data.pkl\"", "encrypted"}, [&] { parse_checkpoint(test::zip(files, 0, 1)); });
  test::ZipFiles big = files;
  big.emplace_back("x/byteorder", "big");
  expect_error(ErrorCode::unsupported, {"m.bin: ", "big-endian"}, [&] { parse_checkpoint(test::zip(big)); });
  big.back().second = "little";
  EXPECT_EQ(parse_checkpoint(test::zip(big)).size(), 1U);
}

// Sizes and places of entries in their 64-bit forms, as files of over 4 GB have them.
TEST(TorchCheckpoint, Zip64) {
  const std::string content = test::pickled(std::vector<TorchTensor>{{"a", "FloatStorage", "0", 1, 0, {1}, {1}}});
  std::string archive, directory;
  for (const auto& [name, data] : test::ZipFiles{{"x/data.pkl", content}, {"x/data/0", "abcd"}}) {
    using test::little_endian;
    const std::string many(4, '\xff');
    directory += "PK\x01\x02" + std::string(16, '\0') + many + many + little_endian(name.size(), 2) + little_endian(28, 2) + std::string(10, '\0') + many +
                 name + little_endian(1, 2) + little_endian(24, 2) + little_endian(data.size(), 8) + little_endian(data.size(), 8) +
                 little_endian(archive.size(), 8);
    archive += "PK\x03\x04" + std::string(22, '\0') + little_endian(name.size(), 2) + little_endian(0, 2) + name + data;
  }
  using test::little_endian;
  const std::uint64_t directory_at = archive.size(), record_at = archive.size() + directory.size();
  const std::string record = "PK\x06\x06" + little_endian(44, 8) + std::string(12, '\0') + little_endian(2, 8) + little_endian(2, 8) +
                             little_endian(directory.size(), 8) + little_endian(directory_at, 8);
  const std::string file = archive + directory + record + "PK\x06\x07" + little_endian(0, 4) + little_endian(record_at, 8) + little_endian(1, 4) +
                           "PK\x05\x06" + std::string(4, '\0') + std::string(12, '\xff') + std::string(2, '\0');
  const auto entries = parse_checkpoint(file);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(file.substr(static_cast<std::size_t>(entries.at("a").begin), 4), "abcd");
}

// torch.zeros(1).expand(100): no weight is such a tensor, and one that nobody needs is no reason to refuse a file.
TEST(TorchCheckpoint, ExpandedTensorsAreForNobody) {
  const auto tensors = parse_checkpoint(torch_checkpoint({{"a", "FloatStorage", "0", 4, 0, {100, 2}, {0, 1}}}, {{"0", std::string(16, 'x')}}));
  ASSERT_EQ(tensors.size(), 1U);
  EXPECT_EQ(tensors.at("a").dtype, DType::other);
  EXPECT_EQ(tensors.at("a").dtype_name, "F32 with elements that are there several times");
}

TEST(TorchCheckpoint, TensorsStayInTheirStorages) {
  const auto rejects = [](TorchTensor tensor, const std::vector<std::string>& fragments) {
    std::vector<std::string> all = fragments;
    all.push_back("m.bin: tensor \"a\": ");
    expect_error(ErrorCode::corrupt_file, all, [&] { parse_checkpoint(torch_checkpoint({std::move(tensor)}, {{"0", std::string(16, 'x')}})); });
  };
  EXPECT_EQ(parse_checkpoint(torch_checkpoint({{"a", "FloatStorage", "0", 4, 0, {2, 2}, {2, 1}}}, {{"0", std::string(16, 'x')}})).size(), 1U);
  rejects({"a", "FloatStorage", "1", 4, 0, {4}, {1}}, {"storage \"1\" is not in the file"});
  rejects({"a", "FloatStorage", "0", 5, 0, {4}, {1}}, {"has 4 elements of F32, not the 5"});
  rejects({"a", "DoubleStorage", "0", 4, 0, {4}, {1}}, {"has 2 elements of F64"});
  rejects({"a", "FloatStorage", "0", 4, 0, {5}, {1}}, {"[5]", "storage of 4 elements"});
  rejects({"a", "FloatStorage", "0", 4, 1, {4}, {1}}, {"[4]", "does not fit"});
  rejects({"a", "FloatStorage", "0", 4, 0, {2, 2}, {3, 1}}, {"[2, 2]"});
  rejects({"a", "FloatStorage", "0", 4, 5, {0}, {1}}, {"[0]"});
  const std::uint64_t most = ~std::uint64_t{0} >> 1;
  rejects({"a", "FloatStorage", "0", 4, 0, {most, most}, {1, 1}}, {"does not fit"});
  rejects({"a", "FloatStorage", "0", 4, 0, {2, 2}, {most, most}}, {"does not fit"});
  rejects({"a", "FloatStorage", "0", 4, most, {2}, {most}}, {"does not fit"});
  rejects({"a", "FloatStorage", "0", most, 0, {1}, {1}}, {"elements of F32"});
  rejects({"a", "FloatStorage", "0", 4, 0, {1}, {}}, {"in a way that PyTorch does not"});
  rejects({"a", "FloatStorage", "0", 4, ~std::uint64_t{0}, {1}, {1}}, {"in a way that PyTorch does not"});
  rejects({"a", "FloatStorage", "0", 4, 0, std::vector<std::uint64_t>(9, 1), std::vector<std::uint64_t>(9, 1)}, {"8 dimensions"});
}

// Long texts and sequences that many tensors share would be copied, hashed and compared for each.
TEST(TorchCheckpoint, LongNames) {
  const std::string name(1001, 'n');
  const auto rejects = [](const TorchTensor& tensor, const std::vector<std::string>& fragments) {
    expect_error(ErrorCode::corrupt_file, fragments, [&] { parse_checkpoint(torch_checkpoint({tensor}, {{tensor.storage, "abcd"}})); });
  };
  EXPECT_EQ(parse_checkpoint(torch_checkpoint({{name.substr(1), "FloatStorage", name.substr(1), 1, 0, {1}, {1}}}, {{name.substr(1), "abcd"}})).size(), 1U);
  rejects({name, "FloatStorage", "0", 1, 0, {1}, {1}}, {"the name \"nnn", "1000 bytes"});
  rejects({"a", "FloatStorage", name, 1, 0, {1}, {1}}, {"tensor \"a\""});
  rejects({"a", name, "0", 1, 0, {1}, {1}}, {"tensor \"a\""});
}

TEST(TorchCheckpoint, LegacyStoragesStayInTheFile) {
  const std::vector<TorchTensor> tensors = {{"a", "FloatStorage", "0", 2, 0, {2}, {1}}, {"b", "FloatStorage", "1", 1, 0, {1}, {1}}};
  const auto file = [&](const test::ZipFiles& storages) { return test::legacy_torch_checkpoint(tensors, storages); };
  const std::string good = file({{"0", "12345678"}, {"1", "abcd"}});
  EXPECT_EQ(good.substr(static_cast<std::size_t>(parse_checkpoint(good).at("b").begin), 4), "abcd");
  const auto rejects = [](const std::string& bytes, const std::vector<std::string>& fragments) {
    expect_error(ErrorCode::corrupt_file, fragments, [&] { parse_checkpoint(bytes); });
  };
  rejects(file({{"0", "12345678"}}), {"tensor \"b\"", "storage \"1\" is not in the file"});
  rejects(file({{"0", "12345678"}, {"1", "abcd"}, {"2", "abcd"}}), {"storage \"2\" is of no kind"});
  rejects(file({{"0", "1234"}, {"1", "abcd"}}), {"tensor \"a\"", "not the 2"});
  std::string long_storage = good;
  long_storage[good.size() - 12] = '\x02';  // elements of the last one
  rejects(long_storage, {"storage \"1\" of 2 elements"});
  std::string big_endian = good;
  big_endian[good.find("little_endian") + 13] = '\x89';
  expect_error(ErrorCode::unsupported, {"big-endian"}, [&] { parse_checkpoint(big_endian); });
}

// A small file whose tensors are all the same bytes would load as a large model.
TEST(TorchCheckpoint, FewTensorsHaveBytesInCommon) {
  const auto file = [](std::size_t count) {
    std::vector<TorchTensor> tensors;
    for (std::size_t i = 0; i < count; ++i) tensors.push_back({"t" + std::to_string(i), "FloatStorage", "0", 1U << 16, 0, {1U << 16}, {1}});
    return torch_checkpoint(tensors, {{"0", std::string(4U << 16, 'x')}});
  };
  EXPECT_EQ(parse_checkpoint(file(4)).size(), 4U);
  expect_error(ErrorCode::corrupt_file, {"too many that have the same bytes"}, [&] { parse_checkpoint(file(100)); });
}

TEST(TorchCheckpoint, WhatNobodyNeedsIsNoError) {
  const auto entries =
      parse_checkpoint(torch_checkpoint({{"a", "QInt8Storage", "0", 4, 0, {4}, {1}}, {"b", "ByteStorage", "0", 4, 0, {4}, {1}}}, {{"0", "abcd"}}));
  EXPECT_EQ(entries.at("a").dtype, DType::other);
  EXPECT_EQ(entries.at("a").dtype_name, "QInt8Storage");
  EXPECT_EQ(entries.at("b").dtype_name, "U8");
}

// The last of a name counts, as in a dictionary.
TEST(TorchCheckpoint, ANameThatComesAgain) {
  const auto entries =
      parse_checkpoint(torch_checkpoint({{"a", "ByteStorage", "0", 4, 0, {4}, {1}}, {"a", "ByteStorage", "0", 4, 1, {2}, {1}}}, {{"0", "abcd"}}));
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries.at("a").shape, std::vector<std::uint64_t>{2});
}

}  // namespace
}  // namespace berth::loaders
