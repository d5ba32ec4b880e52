// The files that sentence-transformers adds to a model directory: modules.json, a folder for each module, and two configs of its own.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "loaders/model_directory.hpp"

namespace berth::loaders {

struct SentenceTransformersFiles {
  std::filesystem::path encoder;                            // the first module's folder
  StaticKind static_kind = StaticKind::none;                // other where that module is no Transformer
  std::optional<SentenceTransformersSpec> spec = {};        // absent for a CrossEncoder, whose one module is the Transformer
  std::unique_ptr<SentenceTransformersFiles> queries = {};  // where a Router sends them elsewhere
};

// Reads `directory`, which has a modules.json. base::Error as ModelDirectory::open.
SentenceTransformersFiles read_sentence_transformers(const std::filesystem::path& directory, base::FileAccess access);

// Throws unsupported when the string at `key` is there and is not `wanted`, one of the library's features.
void require_feature(const base::JsonObject& config, const char* key, const char* wanted);

// Queries and documents of a PyLate ColBERT, or of a MultiVectorEncoder, whose mask module is in `mask` (else empty).
LateInteractionSpec read_late_interaction(const std::filesystem::path& directory, const std::filesystem::path& transformer, const std::filesystem::path& mask,
                                          bool pylate);

// The config.json of one Pooling or Dense module in `folder`. The pooling's output key is "sentence_embedding" unless the file says otherwise.
PoolingSpec read_pooling(const std::filesystem::path& folder, std::string& output_key);
// Stanford's ColBERT: config.json names the class HF_ColBERT, artifact.metadata says the rest.
LateInteractionSpec read_colbert(const std::filesystem::path& directory);
LayerNormSpec read_layer_norm(const std::filesystem::path& folder, base::FileAccess access);
SpladeSpec read_splade(const std::filesystem::path& folder);
// What the module reads and writes is `of`, a key of the library's: "sentence_embedding" or "token_embeddings".
DenseSpec read_dense(const std::filesystem::path& folder, base::FileAccess access, const char* of = "sentence_embedding");

}  // namespace berth::loaders
