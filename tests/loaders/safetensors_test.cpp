#include "loaders/safetensors.hpp"

#include <string>

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/safetensors_writer.hpp"

namespace berth::loaders {
namespace {

using base::ErrorCode;
using test::expect_error;
using test::raw_safetensors;
using test::safetensors;
using test::zeros;

SafetensorsHeader parse(const std::string& file) { return parse_safetensors_header(std::as_bytes(std::span(file)), file.size(), "dir/m.safetensors"); }

TEST(SafetensorsHeader, ReadsWhatWritersWrite) {
  const std::string file = safetensors({zeros("a", {2, 3}), {"b", "I64", {1}, std::string(8, '\1')}, {"scalar", "BF16", {}, "xy"}, zeros("empty", {3, 0})});
  const SafetensorsHeader header = parse(file);
  ASSERT_EQ(header.tensors.size(), 4U);
  EXPECT_EQ(header.metadata.at("format"), "pt");
  const std::size_t data = file.size() - 24 - 8 - 2;
  EXPECT_EQ(header.tensors[0].name, "a");
  EXPECT_EQ(header.tensors[0].begin, data);
  EXPECT_EQ(header.tensors[0].end, data + 24);
  EXPECT_EQ(header.tensors[0].dtype, DType::f32);
  EXPECT_EQ(header.tensors[0].shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(header.tensors[1].dtype, DType::i64);
  EXPECT_TRUE(header.tensors[2].shape.empty());
  EXPECT_EQ(header.tensors[3].end, file.size());
}

TEST(SafetensorsHeader, AcceptsWhatTheFormatAllows) {
  EXPECT_TRUE(parse(raw_safetensors("{}", "")).tensors.empty());
  EXPECT_TRUE(parse(raw_safetensors("{}      ", "")).tensors.empty());
  EXPECT_TRUE(parse(raw_safetensors(R"({"__metadata__":{}})", "")).tensors.empty());
  // The tensors' order in the header is not their order in the file.
  const auto header =
      parse(raw_safetensors(R"({"z":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},"y":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "abc"));
  EXPECT_EQ(header.tensors[0].name, "y");
  // Empty tensors may stand at every border, and before the first byte.
  EXPECT_EQ(parse(raw_safetensors(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                  R"("c":{"dtype":"F32","shape":[9,0,4],"data_offsets":[1,1]}})",
                                  "x"))
                .tensors.size(),
            3U);
  // Data need not be aligned: an odd header and a byte before the floats.
  const std::string odd = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}} )";
  EXPECT_EQ(parse(raw_safetensors(odd, "xabcd")).tensors[1].end - parse(raw_safetensors(odd, "xabcd")).tensors[1].begin, 4U);
  EXPECT_EQ(parse(raw_safetensors(R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1],"data_offsets":[0,1]}})", "x")).tensors[0].shape.size(), 8U);
}

TEST(SafetensorsHeader, OtherDtypesAreReadAndLeftToWhoeverNeedsThem) {
  const struct {
    const char* dtype;
    DType expected;
    std::size_t bytes;  // of a tensor of 8 elements
  } cases[] = {{"BOOL", DType::boolean, 8},  {"U8", DType::u8, 8},         {"I8", DType::i8, 8},         {"U16", DType::u16, 16},
               {"I16", DType::i16, 16},      {"U32", DType::u32, 32},      {"I32", DType::i32, 32},      {"U64", DType::u64, 64},
               {"I64", DType::i64, 64},      {"F16", DType::f16, 16},      {"BF16", DType::bf16, 16},    {"F32", DType::f32, 32},
               {"F64", DType::f64, 64},      {"C64", DType::other, 64},    {"F8_E4M3", DType::other, 8}, {"F8_E5M2", DType::other, 8},
               {"F8_E8M0", DType::other, 8}, {"F6_E2M3", DType::other, 6}, {"F4", DType::other, 4},      {"Q3_FUTURE", DType::other, 17}};
  for (const auto& c : cases) {
    const auto header = parse(safetensors({{"t", c.dtype, {8}, std::string(c.bytes, 'x')}}));
    EXPECT_EQ(header.tensors[0].dtype, c.expected) << c.dtype;
    EXPECT_EQ(header.tensors[0].dtype_name, c.dtype);
    if (c.expected == DType::other) continue;
    EXPECT_EQ(name(c.expected), c.dtype);
    EXPECT_EQ(size_in_bits(c.expected), c.bytes);
  }
}

struct BadFile {
  const char* name;
  std::string file;
  std::vector<std::string> fragments;
};

void PrintTo(const BadFile& bad, std::ostream* out) { *out << bad.name; }

class RejectedSafetensors : public testing::TestWithParam<BadFile> {};

TEST_P(RejectedSafetensors, NamesFileFieldAndValue) {
  std::vector<std::string> fragments = GetParam().fragments;
  fragments.push_back("dir/m.safetensors: ");
  expect_error(ErrorCode::corrupt_file, fragments, [&] { parse(GetParam().file); });
}

// A header with one tensor "t" with the given fields, and `data` bytes of data.
std::string one(const std::string& fields, std::size_t data) { return raw_safetensors("{\"t\":{" + fields + "}}", std::string(data, 'x')); }

std::string many_tensors(int count) {
  std::string header = "{";
  for (int i = 0; i < count; ++i) header += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}";
  return raw_safetensors(header + "}", "");
}

const char* const kSmall = R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";

INSTANTIATE_TEST_SUITE_P(
    Prefix, RejectedSafetensors,
    testing::Values(BadFile{"empty", "", {"empty"}}, BadFile{"seven_bytes", "1234567", {"7 bytes"}},
                    BadFile{"no_header", raw_safetensors("", ""), {"does not begin with \"{\""}},
                    BadFile{"length_beyond_file", raw_safetensors("{}", "", 1000), {"header length 1000", "10 bytes"}},
                    BadFile{"length_one_beyond_file", raw_safetensors("{}", "", 3), {"header length 3", "10 bytes"}},
                    BadFile{"length_over_limit", raw_safetensors("{}", "", 100'000'001), {"100000001", "limit of 100000000"}},
                    BadFile{"length_largest", raw_safetensors("{}", "", ~std::uint64_t{0}), {"18446744073709551615", "limit"}},
                    BadFile{"length_wraps_with_the_prefix", raw_safetensors("{}", "", ~std::uint64_t{0} - 7), {"18446744073709551608", "limit"}},
                    BadFile{"length_too_small", raw_safetensors(kSmall, "x", 10), {"byte 10", "header"}},
                    BadFile{"git_lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 133466304\n", {"Git LFS pointer", "git lfs pull"}},
                    BadFile{"html", "<!DOCTYPE html><html><body>401</body></html>", {"HTML"}},
                    BadFile{"zip", std::string("PK\x03\x04\0\0\x08\x08\0\0\0\0", 12), {"zip", "PyTorch"}},
                    BadFile{"pickle", std::string("\x80\x02\x8a\nl\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15), {"pickle", "pytorch_model.bin"}},
                    BadFile{"gguf", std::string("GGUF\3\0\0\0\0\0\0\0", 12), {"GGUF"}}, BadFile{"hdf5", "\x89HDF\r\n\x1a\n0000", {"HDF5"}}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Json, RejectedSafetensors,
    testing::Values(
        BadFile{"leading_blank", raw_safetensors(" {}", ""), {"does not begin with \"{\""}},
        BadFile{"array", raw_safetensors("[]", ""), {"does not begin with \"{\""}},
        BadFile{"cut_short", raw_safetensors("{\"t\":", ""), {"header", "not valid JSON at byte"}},
        BadFile{"nul_padding", raw_safetensors(std::string("{}\0\0", 4), ""), {"header", "NUL"}},
        BadFile{"two_objects", raw_safetensors("{}{}", ""), {"header", "byte 2"}}, BadFile{"invalid_utf8", raw_safetensors("{\"\xff\":1}", ""), {"UTF-8"}},
        BadFile{"duplicate_tensor",
                raw_safetensors(R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "xy"),
                {"\"t\"", "twice"}},
        BadFile{"duplicate_tensor_by_escape",
                raw_safetensors(R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0074":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "xy"),
                {"\"t\"", "twice"}},
        BadFile{"duplicate_field", raw_safetensors(R"({"t":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", "x"), {"\"dtype\"", "twice"}},
        BadFile{"duplicate_metadata", raw_safetensors(R"({"__metadata__":{"a":"b","a":"c"}})", ""), {"\"a\"", "twice"}},
        BadFile{"deep", raw_safetensors("{\"t\":" + std::string(50000, '['), ""), {"deeper"}},
        BadFile{"metadata_number", raw_safetensors(R"({"__metadata__":{"a":5}})", ""), {"\"__metadata__.a\"", "expected a string", "got 5"}},
        BadFile{"metadata_array", raw_safetensors(R"({"__metadata__":[]})", ""), {"\"__metadata__\"", "got an array"}},
        BadFile{"too_many_tensors", many_tensors(100001), {"more than 100000 tensors"}}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Entry, RejectedSafetensors,
    testing::Values(
        BadFile{"no_object", raw_safetensors(R"({"t":7})", ""), {"tensor \"t\"", "expected an object", "got 7"}},
        BadFile{"no_dtype", one(R"("shape":[1],"data_offsets":[0,1])", 1), {"tensor \"t\"", "\"dtype\"", "nothing"}},
        BadFile{"dtype_number", one(R"("dtype":8,"shape":[1],"data_offsets":[0,1])", 1), {"tensor \"t\"", "\"dtype\"", "got 8"}},
        BadFile{"no_shape", one(R"("dtype":"U8","data_offsets":[0,1])", 1), {"\"shape\"", "nothing"}},
        BadFile{"shape_number", one(R"("dtype":"U8","shape":1,"data_offsets":[0,1])", 1), {"\"shape\"", "got 1"}},
        BadFile{"shape_negative", one(R"("dtype":"U8","shape":[-1],"data_offsets":[0,1])", 1), {"\"shape\"", "expected an array of integers from 0, got [-1]"}},
        BadFile{"shape_double", one(R"("dtype":"U8","shape":[1.0],"data_offsets":[0,1])", 1), {"\"shape\""}},
        BadFile{"shape_beyond_64_bits", one(R"("dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,1])", 1), {"\"shape\""}},
        BadFile{"shape_overflows",
                one(R"("dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0])", 0),
                {"\"shape\"", "[4294967296, 4294967296]", "overflow"}},
        BadFile{"shape_overflows_before_a_zero", one(R"("dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0])", 0), {"overflow"}},
        BadFile{"bits_overflow", one(R"("dtype":"F64","shape":[288230376151711744],"data_offsets":[0,0])", 0), {"overflow"}},
        BadFile{"size_wraps_to_fit", one(R"("dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4])", 4), {"overflow"}},
        BadFile{"rank_nine", one(R"("dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1])", 1), {"\"shape\"", "9 dimensions", "limit is 8"}},
        BadFile{"too_small_for_shape", one(R"("dtype":"F32","shape":[2,3],"data_offsets":[0,20])", 20), {"[2, 3] of F32 takes 24 bytes", "gives it 20"}},
        BadFile{"too_large_for_shape", one(R"("dtype":"F16","shape":[3],"data_offsets":[0,8])", 8), {"takes 6 bytes", "gives it 8"}},
        BadFile{"part_of_a_byte", one(R"("dtype":"F4","shape":[3],"data_offsets":[0,2])", 2), {"whole number of bytes"}},
        BadFile{"no_offsets", one(R"("dtype":"U8","shape":[1])", 1), {"\"data_offsets\"", "nothing"}},
        BadFile{"one_offset", one(R"("dtype":"U8","shape":[1],"data_offsets":[1])", 1), {"\"data_offsets\"", "[begin, end]"}},
        BadFile{"three_offsets", one(R"("dtype":"U8","shape":[1],"data_offsets":[0,1,1])", 1), {"\"data_offsets\"", "[0,1,1]"}},
        BadFile{"negative_offset", one(R"("dtype":"U8","shape":[1],"data_offsets":[-1,0])", 1), {"\"data_offsets\""}},
        BadFile{"offset_double", one(R"("dtype":"U8","shape":[1],"data_offsets":[0,1e0])", 1), {"\"data_offsets\""}},
        BadFile{"offsets_reversed", one(R"("dtype":"U8","shape":[1],"data_offsets":[1,0])", 1), {"\"data_offsets\"", "[1, 0]", "before it begins"}},
        BadFile{"offset_beyond_file", one(R"("dtype":"U8","shape":[2],"data_offsets":[0,2])", 1), {"[0, 2]", "holds 1 bytes"}},
        BadFile{"offset_largest",
                one(R"("dtype":"U8","shape":[1],"data_offsets":[18446744073709551614,18446744073709551615])", 1),
                {"18446744073709551615", "holds 1 bytes"}}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Tiling, RejectedSafetensors,
    testing::Values(
        BadFile{"hole_at_start", one(R"("dtype":"U8","shape":[1],"data_offsets":[1,2])", 2), {"tensor \"t\"", "begins at 1", "the data begins at 0"}},
        BadFile{"hole_between",
                raw_safetensors(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})", "xyz"),
                {"tensor \"b\"", "begins at 2", "\"a\" before it ends at 1", "no tensor"}},
        BadFile{"overlap",
                raw_safetensors(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", "xyz"),
                {"tensor \"b\"", "begins at 1", "overlap"}},
        BadFile{"same_bytes",
                raw_safetensors(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "xy"),
                {"tensor \"b\"", "overlap"}},
        BadFile{"one_inside_another",
                raw_safetensors(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "xyz"),
                {"tensor \"b\"", "overlap"}},
        BadFile{"empty_one_inside_another",
                raw_safetensors(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}})", "xyz"),
                {"tensor \"b\"", "overlap"}},
        BadFile{"trailing_bytes", one(R"("dtype":"U8","shape":[1],"data_offsets":[0,1])", 3), {"ends at byte 1", "3 bytes of data"}},
        BadFile{"data_without_tensors", raw_safetensors("{}", "x"), {"ends at byte 0", "1 bytes of data"}},
        BadFile{"cut_short_by_one",
                [] {
                  std::string file = safetensors({zeros("a", {4}), zeros("b", {4})});
                  file.pop_back();
                  return file;
                }(),
                {"tensor \"b\"", "[16, 32]", "31 bytes", "truncated"}}),
    [](const auto& info) { return info.param.name; });

TEST(SafetensorsHeader, AllBadEntriesAreListedAtOnce) {
  const std::string file =
      raw_safetensors(R"({"a":{"dtype":1},"ok":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":[],"c":{"dtype":"U8","shape":[-1]}})", "x");
  expect_error(ErrorCode::corrupt_file, {"3 problems", "tensor \"a\"", "tensor \"b\"", "tensor \"c\""}, [&] { parse(file); });
  std::string header = "{";
  for (int i = 0; i < 50; ++i) header += (i == 0 ? "\"n" : ",\"n") + std::to_string(i) + "\":1";
  expect_error(ErrorCode::corrupt_file, {"50 problems", "tensor \"n19\"", "and 30 more"}, [&] { parse(raw_safetensors(header + "}", "")); });
}

TEST(SafetensorsHeader, ALyingLengthAllocatesNothing) {
  // The file claims to be large; only its first bytes are here.
  const std::string file = raw_safetensors("{}", "", 99'999'999);
  expect_error(ErrorCode::corrupt_file, {"99999999"}, [&] { parse_safetensors_header(std::as_bytes(std::span(file)), 1ULL << 40, "m"); });
}

TEST(SafetensorsHeader, EveryCutAndEveryChangedByteIsAnErrorOrAFile) {
  const std::string file = safetensors({zeros("a", {2, 3}), {"b", "I64", {1}, std::string(8, '\1')}});
  for (std::size_t length = 0; length < file.size(); ++length) {
    EXPECT_THROW(parse(file.substr(0, length)), base::Error) << length;
  }
  for (std::size_t i = 0; i < file.size() - 32; ++i) {
    for (const int value : {0x00, 0x20, 0x22, 0x2c, 0x30, 0x39, 0x5b, 0x7b, 0x7d, 0x80, 0xff}) {
      std::string changed = file;
      changed[i] = static_cast<char>(value);
      try {
        for (const TensorEntry& tensor : parse(changed).tensors) {
          EXPECT_LE(tensor.begin, tensor.end);
          EXPECT_LE(tensor.end, file.size());
        }
      } catch (const base::Error& error) {
        EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(ErrorCode::corrupt_file)) << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace berth::loaders
