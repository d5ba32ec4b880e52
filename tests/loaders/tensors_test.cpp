#include "loaders/tensors.hpp"

#include <cstring>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/torch_writer.hpp"

namespace berth::loaders {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;
using test::expect_error;
using test::safetensors;
using test::TempDirectory;
using test::zeros;

std::string text_of(const TensorView& tensor) { return {reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size()}; }

const std::string kIndexName = "model.safetensors.index.json";

TEST(TensorStore, FindsTensorsByName) {
  const TempDirectory directory;
  directory.write("model.safetensors", safetensors({{"z", "U8", {3}, "abc"}, {"a", "F32", {1}, "1234"}, {"m", "F4", {2}, "5"}}));
  for (const auto access : {base::FileAccess::map, base::FileAccess::copy}) {
    const TensorStore store = TensorStore::open(directory.path(), access);
    ASSERT_EQ(store.tensors().size(), 3U);
    EXPECT_EQ(store.tensors()[0].name, "a");
    EXPECT_EQ(store.tensors()[2].name, "z");
    ASSERT_NE(store.find("z"), nullptr);
    EXPECT_EQ(text_of(*store.find("z")), "abc");
    EXPECT_EQ(text_of(*store.find("a")), "1234");
    EXPECT_EQ(store.find("a")->elements(), 1U);
    EXPECT_EQ(store.find("m")->dtype_name, "F4");
    EXPECT_EQ(store.find("m")->file, (directory / "model.safetensors").native());
    EXPECT_EQ(store.find("zz"), nullptr);
    EXPECT_EQ(store.find(""), nullptr);
    EXPECT_EQ(store.total_bytes(), 8U);
    EXPECT_EQ(store.files(), std::vector<std::string>{"model.safetensors"});
    store.release(store.find("z")->data);
    EXPECT_EQ(text_of(*store.find("z")), "abc");
  }
}

TEST(TensorStore, ViewsOutliveAMoveOfTheStore) {
  const TempDirectory directory;
  directory.write("model.safetensors", safetensors({{"a", "U8", {3}, "abc"}}));
  TensorStore store = TensorStore::open(directory.path());
  const TensorView view = *store.find("a");
  const TensorStore moved = std::move(store);
  EXPECT_EQ(text_of(view), "abc");
  EXPECT_EQ(text_of(*moved.find("a")), "abc");
}

TEST(TensorStore, ShapeText) {
  EXPECT_EQ(shape_text(std::vector<std::uint64_t>{768, 3072}), "[768, 3072]");
  EXPECT_EQ(shape_text({}), "[]");
}

TEST(TensorStore, SaysWhichOtherWeightsAreThere) {
  const TempDirectory directory;
  expect_error(ErrorCode::not_found, {directory.path().native(), "neither model.safetensors nor pytorch_model.bin"},
               [&] { TensorStore::open(directory.path()); });
  directory.write("tf_model.h5", "x");
  directory.write("onnx/model.onnx", "x");
  directory.write("model-q8.gguf", "x");
  directory.write("weights.pt", "x");
  expect_error(ErrorCode::not_found, {"found model-q8.gguf, onnx, tf_model.h5, weights.pt", "save_pretrained"}, [&] { TensorStore::open(directory.path()); });
}

// One byte tensor "a" that says in which file it is.
std::string one_byte_checkpoint(const std::string& name, const std::string& byte) {
  return test::torch_checkpoint({{name, "ByteStorage", "0", 1, 0, {1}, {1}}}, {{"0", byte}});
}

TEST(TensorStore, PyTorchsCheckpointWhereThereIsNoSafetensors) {
  const TempDirectory directory;
  directory.write("pytorch_model.bin", one_byte_checkpoint("a", "b"));
  for (const auto access : {base::FileAccess::map, base::FileAccess::copy}) {
    const TensorStore store = TensorStore::open(directory.path(), access);
    EXPECT_EQ(store.label(), (directory / "pytorch_model.bin").native());
    EXPECT_EQ(store.files(), std::vector<std::string>{"pytorch_model.bin"});
    EXPECT_EQ(text_of(*store.find("a")), "b");
  }
  directory.write("pytorch_model.bin.index.json", R"({"weight_map":{"a":"gone.bin"}})");
  EXPECT_EQ(text_of(*TensorStore::open(directory.path()).find("a")), "b") << "a single file wins over an index";
  directory.write("model.safetensors", safetensors({{"a", "U8", {1}, "s"}}));
  EXPECT_EQ(text_of(*TensorStore::open(directory.path()).find("a")), "s");
}

TEST(TensorStore, ShardsOfPyTorch) {
  const TempDirectory directory;
  directory.write("pytorch_model-00001-of-00002.bin", one_byte_checkpoint("a", "1"));
  directory.write("pytorch_model-00002-of-00002.bin", one_byte_checkpoint("b", "2"));
  directory.write("pytorch_model.bin.index.json", R"({"weight_map":{"a":"pytorch_model-00001-of-00002.bin","b":"pytorch_model-00002-of-00002.bin"}})");
  const TensorStore store = TensorStore::open(directory.path());
  EXPECT_EQ(store.tensors().size(), 2U);
  EXPECT_EQ(text_of(*store.find("b")), "2");
}

TEST(TensorStore, AFileOfItsOwn) {
  const TempDirectory directory;
  EXPECT_FALSE(TensorStore::open_file(directory.path(), "x_linear"));
  directory.write("x_linear.pt", one_byte_checkpoint("weight", "p"));
  EXPECT_EQ(text_of(*TensorStore::open_file(directory.path(), "x_linear")->find("weight")), "p");
  directory.write("x_linear.safetensors", safetensors({{"weight", "U8", {1}, "s"}}));
  EXPECT_EQ(text_of(*TensorStore::open_file(directory.path(), "x_linear")->find("weight")), "s");
}

TEST(TensorStore, ABadFileIsNamedByItsPath) {
  const TempDirectory directory;
  directory.write("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n");
  expect_error(ErrorCode::corrupt_file, {(directory / "model.safetensors").native(), "Git LFS"}, [&] { TensorStore::open(directory.path()); });
  directory.write("model.safetensors", "");
  expect_error(ErrorCode::corrupt_file, {"model.safetensors", "empty"}, [&] { TensorStore::open(directory.path()); });
}

// ---- shards ----

struct Shards : testing::Test {
  TempDirectory directory;

  void SetUp() override {
    directory.write("model-00001-of-00002.safetensors", safetensors({{"a", "U8", {1}, "a"}, {"b", "U8", {1}, "b"}}));
    directory.write("model-00002-of-00002.safetensors", safetensors({{"c", "U8", {1}, "c"}}));
    index(R"({"metadata":{"total_size":3},"weight_map":{"a":"model-00001-of-00002.safetensors",)"
          R"("b":"model-00001-of-00002.safetensors","c":"model-00002-of-00002.safetensors"}})");
  }
  void index(const std::string& text) { directory.write(kIndexName, text); }
  void rejects(ErrorCode code, std::vector<std::string> fragments) {
    fragments.push_back(kIndexName + ": ");
    expect_error(code, fragments, [&] { TensorStore::open(directory.path()); });
  }
};

TEST_F(Shards, AreOneStore) {
  const TensorStore store = TensorStore::open(directory.path());
  EXPECT_EQ(store.tensors().size(), 3U);
  EXPECT_EQ(text_of(*store.find("c")), "c");
  EXPECT_EQ(store.files().size(), 2U);
  store.release(store.find("c")->data);
}

TEST_F(Shards, ASingleFileWinsOverAnIndex) {
  directory.write("model.safetensors", safetensors({{"only", "U8", {1}, "o"}}));
  EXPECT_NE(TensorStore::open(directory.path()).find("only"), nullptr);
}

TEST_F(Shards, MayLieInAFolder) {
  directory.write("parts/1.safetensors", safetensors({{"a", "U8", {1}, "a"}}));
  index(R"({"weight_map":{"a":"parts/1.safetensors"}})");
  EXPECT_NE(TensorStore::open(directory.path()).find("a"), nullptr);
}

TEST_F(Shards, MissingFilesAreListedTogether) {
  index(R"({"weight_map":{"a":"gone-1.safetensors","b":"gone-2.safetensors","c":"model-00002-of-00002.safetensors"}})");
  rejects(ErrorCode::not_found, {"2 problems", "\"gone-1.safetensors\"", "\"gone-2.safetensors\""});
}

TEST_F(Shards, TheIndexAndTheFilesMustAgree) {
  index(R"({"weight_map":{"a":"model-00001-of-00002.safetensors","x":"model-00001-of-00002.safetensors",)"
        R"("c":"model-00001-of-00002.safetensors","y":"model-00002-of-00002.safetensors"}})");
  rejects(ErrorCode::corrupt_file,
          {"3 problems", "tensor \"x\" is not in \"model-00001-of-00002.safetensors\"", "tensor \"c\" is not in", "tensor \"y\" is not in"});
}

TEST_F(Shards, NoTensorInTwoFiles) {
  directory.write("model-00002-of-00002.safetensors", safetensors({{"c", "U8", {1}, "c"}, {"b", "U8", {1}, "B"}}));
  rejects(ErrorCode::corrupt_file, {"tensor \"b\" is in both \"model-00001-of-00002.safetensors\" and \"model-00002-of-00002.safetensors\""});
}

TEST_F(Shards, NamesStayInside) {
  for (const std::string name :
       {"../model-00001-of-00002.safetensors", "/etc/passwd", "a/../../x", "./model-00001-of-00002.safetensors", "", "..\\\\x", "a\\u0000b"}) {
    index(R"({"weight_map":{"a":")" + name + "\"}}");
    rejects(ErrorCode::corrupt_file, {"field \"weight_map\"", "the name \""});
  }
}

TEST_F(Shards, MalformedIndexesAreErrors) {
  const auto bad = [&](const std::string& text, std::vector<std::string> fragments) {
    index(text);
    rejects(ErrorCode::corrupt_file, std::move(fragments));
  };
  bad("", {"empty"});
  bad("[]", {"expected a JSON object"});
  bad("{}", {"\"weight_map\"", "missing"});
  bad(R"({"weight_map":null})", {"\"weight_map\""});
  bad(R"({"weight_map":"x"})", {"\"weight_map\"", "got \"x\""});
  bad(R"({"weight_map":{}})", {"lists no tensors"});
  bad(R"({"weight_map":["model-00001-of-00002.safetensors"]})", {"\"weight_map.[0]\""});
  bad(R"({"weight_map":{"a":5,"b":[]}})", {"2 problems", "\"weight_map.a\"", "got 5", "\"weight_map.b\""});
  bad(R"({"weight_map":{"a":"x","a":"y"}})", {"\"a\"", "twice"});
  bad("version https://git-lfs.github.com/spec/v1\n", {"Git LFS"});
  bad(std::string(100000, '['), {"deeper"});
}

TEST_F(Shards, ABadShardIsNamedByItsPath) {
  directory.write("model-00002-of-00002.safetensors", "PK\x03\x04 and so on and on");
  expect_error(ErrorCode::corrupt_file, {(directory / "model-00002-of-00002.safetensors").native(), "zip"}, [&] { TensorStore::open(directory.path()); });
}

}  // namespace
}  // namespace berth::loaders
