// The files that sentence-transformers adds to a model directory: modules.json, a folder for each module, and two configs of its own.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "loaders/model_directory.hpp"

namespace berth::loaders {

struct SentenceTransformersFiles {
  std::filesystem::path encoder;                 // the Transformer module's folder
  std::optional<SentenceTransformersSpec> spec;  // absent for a CrossEncoder, whose one module is the Transformer
};

// Reads `directory`, which has a modules.json. base::Error as ModelDirectory::open.
SentenceTransformersFiles read_sentence_transformers(const std::filesystem::path& directory, base::FileAccess access);

// Throws unsupported when the string at `key` is there and names another of the library's features.
void require_sentence_embedding(const base::JsonObject& config, const char* key);

// The config.json of one Pooling or Dense module in `folder`. The pooling's output key is "sentence_embedding" unless the file says otherwise.
PoolingSpec read_pooling(const std::filesystem::path& folder, std::string& output_key);
DenseSpec read_dense(const std::filesystem::path& folder, base::FileAccess access);

}  // namespace berth::loaders
