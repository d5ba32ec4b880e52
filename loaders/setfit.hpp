// SetFit's classifiers (Tunstall et al. 2022): a sentence-transformers directory with a scikit-learn head, model_head.pkl, over its embeddings.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::loaders {

struct SetFitHead {
  std::size_t features = 0;         // values of an embedding
  std::vector<std::string> labels;  // config_setfit.json's names, else the head's classes
  std::vector<float> weight;        // [labels, features]
  std::vector<float> bias;          // [labels]
  bool multi_label = false;         // scores are the logits' sigmoid; else their softmax
  bool normalize = false;           // the embeddings, before
};

// The bytes of model_head.pkl. Reads LogisticRegression, and the OneVsRestClassifier or MultiOutputClassifier of several; predict_proba's scores follow from the
// logits. base::Error: unsupported for other heads and other ways to scores, naming them; corrupt_file.
SetFitHead parse_setfit_head(std::string_view file, const std::string& label);

// The same from a directory, with what config_setfit.json says; nullopt without model_head.pkl.
std::optional<SetFitHead> read_setfit_head(const std::filesystem::path& directory);

}  // namespace berth::loaders
