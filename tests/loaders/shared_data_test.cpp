// Real directories: the configs collected under data/configs and the models under reference, which lie beside the repository.
#include <cstdlib>
#include <filesystem>
#include <algorithm>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "loaders/model_directory.hpp"

namespace berth::loaders {
namespace {

namespace fs = std::filesystem;
using Modes = std::vector<PoolingMode>;

fs::path shared() {
  const char* variable = std::getenv("BERTH_SHARED");
  return variable != nullptr ? fs::path(variable) : fs::path(BERTH_SOURCE_DIR) / ".." / "shared";
}

std::vector<fs::path> folders_with_config(const fs::path& root) {
  std::set<fs::path> found;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (fs::exists(entry.path() / "config.json") || fs::exists(entry.path() / "modules.json")) found.insert(entry.path());
  }
  return {found.begin(), found.end()};
}

TEST(SharedConfigs, AllOpen) {
  const fs::path root = shared() / "data/configs";
  if (!fs::is_directory(root)) GTEST_SKIP() << root << " is not there: the collected configs were not tried";
  const auto folders = folders_with_config(root);
  EXPECT_GE(folders.size(), 28U);
  for (const fs::path& folder : folders) {
    try {
      const ModelDirectory model = ModelDirectory::open(folder);
      EXPECT_TRUE(model.config.contains("vocab_size")) << folder;
      EXPECT_EQ(model.sentence_transformers.has_value(), fs::exists(folder / "modules.json")) << folder;
    } catch (const base::Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

TEST(SharedConfigs, SayWhatTheirAuthorsMeant) {
  const fs::path root = shared() / "data/configs";
  if (!fs::is_directory(root)) GTEST_SKIP() << root << " is not there: the collected configs were not tried";
  const auto spec = [&](const char* name) { return *ModelDirectory::open(root / name).sentence_transformers; };

  const auto bge = spec("bge-m3");
  EXPECT_EQ(bge.generation, Generation::second);
  EXPECT_EQ(bge.modules[1].pooling.modes, Modes{PoolingMode::cls});
  EXPECT_EQ(bge.modules[1].pooling.embedding_dimension, 1024U);
  EXPECT_EQ(bge.modules[2].type, ModuleType::normalize);
  EXPECT_EQ(bge.prompts.size(), 2U);

  const auto gte = spec("gte-base");
  EXPECT_EQ(gte.generation, Generation::first);
  EXPECT_EQ(gte.max_seq_length, 512U);
  EXPECT_EQ(gte.modules[1].pooling.modes, Modes{PoolingMode::mean});

  const auto paraphrase = spec("paraphrase-multilingual-MiniLM-L12-v2-st5");
  EXPECT_EQ(paraphrase.modules.size(), 2U);
  EXPECT_FALSE(paraphrase.max_seq_length.has_value());

  const auto noinstruct = spec("NoInstruct-small-Embedding-v0");  // its second Pooling is for queries, under another key
  ASSERT_EQ(noinstruct.modules.size(), 3U);
  EXPECT_EQ(noinstruct.modules[1].pooling.modes, Modes{PoolingMode::cls});
  EXPECT_TRUE(noinstruct.do_lower_case);
}

TEST(ReferenceModels, AllOpenWithTheirTensors) {
  const fs::path root = shared() / "reference";
  if (!fs::is_directory(root)) GTEST_SKIP() << root << " is not there: the reference models were not tried";
  std::size_t sentence_models = 0;
  for (const fs::path& folder : folders_with_config(root)) {
    try {
      const ModelDirectory model = ModelDirectory::open(folder);
      const TensorStore mapped = TensorStore::open(model.encoder);
      const TensorStore copied = TensorStore::open(model.encoder, base::FileAccess::copy);
      EXPECT_FALSE(mapped.tensors().empty()) << folder;
      ASSERT_EQ(mapped.tensors().size(), copied.tensors().size());
      for (std::size_t i = 0; i < mapped.tensors().size(); ++i) {
        EXPECT_TRUE(std::ranges::equal(mapped.tensors()[i].data, copied.tensors()[i].data));
      }
      if (!model.sentence_transformers) continue;
      ++sentence_models;
      EXPECT_EQ(model.sentence_transformers->max_seq_length, 48U) << folder;
    } catch (const base::Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
  EXPECT_EQ(sentence_models, 13U);
  const auto three = ModelDirectory::open(root / "st-cls-mean-max").sentence_transformers->modules[1].pooling.modes;
  EXPECT_EQ(three, (Modes{PoolingMode::cls, PoolingMode::max, PoolingMode::mean}));
}

}  // namespace
}  // namespace berth::loaders
