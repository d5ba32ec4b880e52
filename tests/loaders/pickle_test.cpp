#include "loaders/pickle.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/support/expect_error.hpp"

namespace berth::loaders {
namespace {

using base::ErrorCode;
using test::expect_error;

Pickle read_pickle(const std::string& text) { return {{reinterpret_cast<const std::byte*>(text.data()), text.size()}, "m.bin"}; }

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

TEST(Pickle, Integers) {
  const auto integer = [](const std::string& opcode) {
    const std::string text = opcode + ".";
    const Pickle pickle = read_pickle(text);
    EXPECT_EQ(pickle.root().kind, PickleKind::integer);
    return pickle.root().integer;
  };
  EXPECT_EQ(integer(bytes({'K', 255})), 255);
  EXPECT_EQ(integer(bytes({'M', 1, 2})), 513);
  EXPECT_EQ(integer(bytes({'J', 255, 255, 255, 255})), -1);
  EXPECT_EQ(integer(bytes({0x8a, 0})), 0);
  EXPECT_EQ(integer(bytes({0x8a, 1, 0x80})), -128);
  EXPECT_EQ(integer(bytes({0x8a, 2, 0x80, 0})), 128);
  EXPECT_EQ(integer(bytes({0x8a, 8, 255, 255, 255, 255, 255, 255, 255, 127})), INT64_MAX);
  EXPECT_EQ(integer(bytes({0x8b, 1, 0, 0, 0, 5})), 5);
  EXPECT_EQ(integer(bytes({0x88})), 1);
  EXPECT_EQ(read_pickle(bytes({0x8a, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, '.'})).root().kind, PickleKind::other);
}

// {"a": (1, [2, 3])} as Python writes it, protocol 2.
TEST(Pickle, DictionariesAndSequences) {
  const std::string text = bytes({0x80, 2, '}', 'q', 0, 'X', 1, 0, 0, 0, 'a', 'q', 1, 'K', 1, ']', 'q', 2, '(', 'K', 2, 'K', 3, 'e', 0x86, 'q', 3, 's', '.'});
  const std::string longer = text + "and more";
  const Pickle pickle = read_pickle(longer);
  EXPECT_EQ(pickle.size(), text.size());
  ASSERT_EQ(pickle.root().kind, PickleKind::dictionary);
  ASSERT_EQ(pickle.root().items.size(), 2U);
  EXPECT_EQ(pickle.item(pickle.root(), 0)->text, "a");
  const PickleValue& tuple = *pickle.item(pickle.root(), 1);
  ASSERT_EQ(tuple.items.size(), 2U);
  EXPECT_EQ(pickle.item(tuple, 0)->integer, 1);
  EXPECT_EQ(pickle.item(*pickle.item(tuple, 1), 1)->integer, 3);
  EXPECT_EQ(pickle.item(tuple, 2), nullptr);
}

// What a pickle names is not run: os.system("id").
TEST(Pickle, CallsAreData) {
  const std::string text = "cos\nsystem\n(X" + bytes({2, 0, 0, 0}) + "idtR.";
  const Pickle pickle = read_pickle(text);
  ASSERT_EQ(pickle.root().kind, PickleKind::call);
  EXPECT_TRUE(pickle.item(pickle.root(), 0)->is_global("os", "system"));
  EXPECT_EQ(pickle.item(*pickle.item(pickle.root(), 1), 0)->text, "id");
}

// Python 2 gives an OrderedDict its pairs: OrderedDict([["a", 1]]).
TEST(Pickle, OrderedDictFromPairs) {
  const std::string text = "ccollections\nOrderedDict\n(](]((U" + bytes({1}) + "aK" + bytes({1}) + "leetR.";
  expect_error(ErrorCode::corrupt_file, {"pickle", "no pairs"}, [&] { read_pickle(text); });
  const std::string good = "ccollections\nOrderedDict\n](]((U" + bytes({1}) + "aK" + bytes({1}) + "eae" + bytes({0x85}) + "R.";
  expect_error(ErrorCode::corrupt_file, {"m.bin"}, [&] { read_pickle(good); });
  const std::string right = "ccollections\nOrderedDict\n](](U" + bytes({1}) + "aK" + bytes({1}) + "ee" + bytes({0x85}) + "R.";
  const Pickle pickle = read_pickle(right);
  ASSERT_EQ(pickle.root().kind, PickleKind::dictionary);
  ASSERT_EQ(pickle.root().items.size(), 2U);
  EXPECT_EQ(pickle.item(pickle.root(), 0)->text, "a");
}

// One list of pairs for any number of dictionaries.
TEST(Pickle, OrderedDictsFromTheSamePairs) {
  std::string text = "](";
  for (int i = 0; i < 1000; ++i) text += "NN" + bytes({0x86});
  text += "e" + bytes({0x85, 'q', 0});
  for (int i = 0; i < 2000; ++i) text += "ccollections\nOrderedDict\nh" + bytes({0}) + "R";
  expect_error(ErrorCode::corrupt_file, {"more than 1048576 pairs"}, [&] { read_pickle(text + "."); });
}

TEST(Pickle, AValueMayHoldItself) {
  const Pickle pickle = read_pickle("]q" + bytes({0}) + "h" + bytes({0}) + "a.");
  EXPECT_EQ(pickle.item(pickle.root(), 0), &pickle.root());
}

TEST(Pickle, Malformed) {
  const std::vector<std::pair<std::string, const char*>> bad = {
      {"", "does not end"},
      {"N", "does not end"},
      {".", "not there"},
      {"0.", "not there"},
      {"R.", "not there"},
      {"NR.", "not there"},
      {"a.", "not there"},
      {"NNa.", "takes none"},
      {"}u", "mark"},
      {"t.", "mark"},
      {"(N0.", "not there"},
      {"N(0.", "not there"},
      {"N(R", "not there"},
      {"](Nu.", "takes none"},
      {"}(Nu.", "takes none"},
      {"X", "middle"},
      {bytes({'X', 255, 255, 255, 255, 'a'}), "middle"},
      {bytes({0x8d, 255, 255, 255, 255, 255, 255, 255, 255, 'a'}), "middle"},
      {"cos\nsystem", "middle"},
      {bytes({'h', 3, '.'}), "not there"},
      {"\x85.", "not there"},
      {"Q.", "not there"},
      {"(Q.", "not there"},
      {"N?.", "0x3f"},
      {"Nb.", "not there"},
      {"2.", "not there"},
      {"q\x01.", "not there"},
      {"i\n\n.", "0x69"},
  };
  for (const auto& [text, fragment] : bad) expect_error(ErrorCode::corrupt_file, {"m.bin: the pickle in it, at byte ", fragment}, [&] { read_pickle(text); });
}

// What one value can be used for again and again has a limit, too.
TEST(Pickle, TooManyValues) {
  const auto too_many = [](const char* fragment, const std::string& text) {
    expect_error(ErrorCode::corrupt_file, {"more than 1048576 ", fragment}, [&] { read_pickle(text); });
  };
  too_many("values", std::string(1'100'000, 'N'));
  too_many("values on its stack", "N" + std::string(1'100'000, '2'));
  too_many("marks", std::string(1'100'000, '('));
  too_many("remembers", "N" + std::string(1'100'000, '\x94'));
}

std::string wrapped_array(const std::string& type, const std::string& shape) {
  const auto text = [](const std::string& value) { return "U" + bytes({static_cast<int>(value.size())}) + value; };
  return "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)R}(" + text("dtype") + "cnumpy\ndtype\n" + text(type) + bytes({0x85}) + "R" + text("shape") + shape + "ub";
}

TEST(Pickle, TooManyDimensions) {
  const auto ones = [](std::size_t count) {
    std::string shape = "(";
    for (std::size_t i = 0; i < count; ++i) shape += bytes({'K', 1});
    return wrapped_array("b1", shape + "t") + bytes({0, '.'});
  };
  const std::string most = ones(64);
  EXPECT_EQ(read_pickle(most).root().kind, PickleKind::array);
  expect_error(ErrorCode::corrupt_file, {"array of an unknown kind"}, [&] { read_pickle(ones(65)); });
}

// Pickles in a pickle share its limit of pairs.
TEST(Pickle, PairsOfManyPickles) {
  std::string inner = "](";
  for (int i = 0; i < 1000; ++i) inner += "NN" + bytes({0x86});
  inner += "e" + bytes({0x85, 'q', 0});
  for (int i = 0; i < 500; ++i) inner += "ccollections\nOrderedDict\nh" + bytes({0}) + "R0";
  std::string text;
  for (int i = 0; i < 3; ++i) text += wrapped_array("O8", ")") + inner + "N.";
  expect_error(ErrorCode::corrupt_file, {"more than 1048576 pairs"}, [&] { read_pickle(text + "."); });
}

}  // namespace
}  // namespace berth::loaders
