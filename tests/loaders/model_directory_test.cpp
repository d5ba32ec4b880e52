#include "loaders/model_directory.hpp"

#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temp_directory.hpp"

namespace berth::loaders {
namespace {

namespace fs = std::filesystem;
using base::ErrorCode;
using test::expect_error;
using test::safetensors;
using test::TempDirectory;
using test::zeros;

constexpr const char* kConfig = R"({"model_type":"bert","hidden_size":4})";

TEST(ModelDirectory, APlainDirectoryHasAConfigAndNoModules) {
  const TempDirectory directory;
  directory.write("config.json", kConfig);
  const ModelDirectory model = ModelDirectory::open(directory.path());
  EXPECT_EQ(model.root, directory.path());
  EXPECT_EQ(model.encoder, directory.path());
  EXPECT_EQ(model.config["model_type"], "bert");
  EXPECT_EQ(model.config_label, (directory / "config.json").native());
  EXPECT_FALSE(model.sentence_transformers.has_value());
}

TEST(ModelDirectory, NamesThatAreNoModelDirectory) {
  const TempDirectory directory;
  const auto rejects = [&](const fs::path& path, std::vector<std::string> fragments) {
    expect_error(ErrorCode::not_found, fragments, [&] { ModelDirectory::open(path); });
  };
  rejects("", {"empty"});
  rejects(fs::path(std::string("a\0b", 3)), {"NUL"});
  rejects(directory / "sentence-transformers/all-MiniLM-L6-v2", {"sentence-transformers/all-MiniLM-L6-v2", "no such directory", "never downloads"});
  rejects(directory.write("model.safetensors", "x"), {"model.safetensors", "not a directory"});
  rejects(directory.path(), {"config.json", "no such file"});
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  rejects(directory / "pipe", {"pipe", "not a directory"});
  fs::create_symlink("loop-b", directory / "loop-a");
  fs::create_symlink("loop-a", directory / "loop-b");
  rejects(directory / "loop-a", {"loop-a", "symbolic links"});
  fs::create_symlink("nowhere", directory / "dangling");
  rejects(directory / "dangling", {"dangling", "no such directory"});
}

TEST(ModelDirectory, BadConfigsAreErrors) {
  const TempDirectory directory;
  const auto rejects = [&](const std::string& text, std::vector<std::string> fragments) {
    directory.write("config.json", text);
    fragments.push_back((directory / "config.json").native() + ": ");
    expect_error(ErrorCode::corrupt_file, fragments, [&] { ModelDirectory::open(directory.path()); });
  };
  rejects("", {"empty"});
  rejects("[]", {"expected a JSON object", "an array of 0 values"});
  rejects("\"bert\"", {"expected a JSON object", "got \"bert\""});
  rejects(R"({"model_type":"bert")", {"byte 20"});
  rejects(R"({"model_type":"bert","model_type":"mpnet"})", {"\"model_type\"", "twice"});
  rejects(std::string(R"({"model_type":"bert"})") + '\0', {"NUL"});
  rejects("version https://git-lfs.github.com/spec/v1\n", {"Git LFS"});
  rejects("{\"a\":" + std::string(70, '[') + std::string(70, ']') + "}", {"deeper than 64"});
  rejects("{}" + std::string(1 << 20, ' '), {"1048578", "limit"});
}

TEST(ModelDirectory, OddFilesInPlaceOfOnesWeReadAreErrorsAndDoNotHang) {
  for (const std::string name : {"config.json", "modules.json", "config_sentence_transformers.json", "sentence_bert_config.json", "1_Pooling/config.json"}) {
    const TempDirectory directory;
    directory.write("config.json", kConfig);
    directory.write("modules.json", R"([{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},{"idx":1,"name":"1",)"
                                    R"("path":"1_Pooling","type":"sentence_transformers.models.Pooling"}])");
    directory.write("1_Pooling/config.json", R"({"pooling_mode_mean_tokens":true})");
    EXPECT_NO_THROW(ModelDirectory::open(directory.path()));
    const auto replaced = [&](ErrorCode code, const char* fragment) {
      expect_error(code, {name, fragment}, [&] { ModelDirectory::open(directory.path()); });
      fs::remove_all(directory / name);
    };
    fs::remove(directory / name);
    ASSERT_EQ(::mkfifo((directory / name).c_str(), 0600), 0);
    replaced(ErrorCode::corrupt_file, "named pipe");
    fs::create_directory(directory / name);
    replaced(ErrorCode::corrupt_file, "a directory");
    fs::create_symlink("/dev/zero", directory / name);
    replaced(ErrorCode::corrupt_file, "a device");
    fs::create_symlink(fs::path(name).filename(), directory / name);
    replaced(ErrorCode::not_found, "symbolic links");
    fs::create_symlink("../../blobs/gone", directory / name);
    replaced(ErrorCode::not_found, "does not exist");
  }
}

TEST(ModelDirectory, WithoutPermissionSaysSo) {
  if (::geteuid() == 0 && ::seteuid(65534) != 0) GTEST_SKIP() << "runs as root and cannot become another user: permissions were not tried";
  const bool dropped = ::getuid() == 0;
  {
    const TempDirectory directory;  // made by the other user
    directory.write("config.json", kConfig);
    fs::permissions(directory.path(), fs::perms::none);
    expect_error(ErrorCode::not_found, {directory.path().native(), "Permission denied"}, [&] { ModelDirectory::open(directory.path()); });
    fs::permissions(directory.path(), fs::perms::owner_all);
    fs::permissions(directory / "config.json", fs::perms::none);
    expect_error(ErrorCode::not_found, {(directory / "config.json").native(), "Permission denied"}, [&] { ModelDirectory::open(directory.path()); });
  }
  if (dropped) {
    ASSERT_EQ(::seteuid(0), 0);
  }
}

// A hub cache: snapshots/REVISION/ holds links into blobs/, where the files lie under their hashes.
TEST(ModelDirectory, AHubCacheSnapshotLoadsThroughItsLinks) {
  const TempDirectory cache;
  const auto blob = [&](const std::string& name, const std::string& hash, const std::string& content) {
    cache.write("models--org--name/blobs/" + hash, content);
    const fs::path link = cache / ("models--org--name/snapshots/abc123/" + name);
    fs::create_directories(link.parent_path());
    fs::path up = "..";
    for (const auto& part : fs::path(name).parent_path()) up /= part.empty() ? "" : "..";
    fs::create_symlink(up / ".." / "blobs" / hash, link);
  };
  blob("config.json", "0a", kConfig);
  blob("modules.json", "0b",
       R"([{"path":"","type":"sentence_transformers.models.Transformer"},{"path":"1_Pooling",)"
       R"("type":"sentence_transformers.models.Pooling"},{"path":"2_Dense","type":"sentence_transformers.models.Dense"}])");
  blob("1_Pooling/config.json", "0c", R"({"word_embedding_dimension":4,"pooling_mode_mean_tokens":true})");
  blob("2_Dense/config.json", "0d", R"({"in_features":4,"out_features":2,"bias":false,"activation_function":"torch.nn.modules.linear.Identity"})");
  blob("2_Dense/model.safetensors", "0e", safetensors({zeros("linear.weight", {2, 4})}));
  blob("model.safetensors.index.json", "0f", R"({"weight_map":{"a":"model-1.safetensors"}})");
  blob("model-1.safetensors", "10", safetensors({zeros("a", {3})}));
  const fs::path snapshot = cache / "models--org--name/snapshots/abc123";
  ASSERT_TRUE(fs::is_symlink(snapshot / "2_Dense/model.safetensors"));

  const ModelDirectory model = ModelDirectory::open(snapshot);
  EXPECT_EQ(model.config["model_type"], "bert");
  ASSERT_EQ(model.sentence_transformers->modules.size(), 3U);
  EXPECT_NE(model.sentence_transformers->modules[2].dense.tensors->find("linear.weight"), nullptr);
  EXPECT_NE(TensorStore::open(model.encoder).find("a"), nullptr);
  expect_error(ErrorCode::not_found, {"hub cache", "snapshots/"}, [&] { ModelDirectory::open(cache / "models--org--name"); });
  // The directory itself may be a link, too.
  fs::create_directory_symlink(snapshot, cache / "link");
  EXPECT_NO_THROW(ModelDirectory::open(cache / "link"));
}

}  // namespace
}  // namespace berth::loaders
