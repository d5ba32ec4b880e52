// Which model directory a command uses, and loading it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <berth/berth.hpp>

#include "apps/cli/command.hpp"

namespace berth::cli {

// The models that come with berth, where a command can do without --model.
inline constexpr const char* kDefaultClassifier = "sentiment";
inline constexpr const char* kDefaultEncoder = "intent";

struct ModelOptions {
  std::string directory;  // empty: the default model of the command
  std::string precision = "fp32";
  std::string isa;
  int threads = 0;
  bool no_mmap = false;
  std::string adapter;

  std::string adapter_text() const { return adapter.empty() ? "" : " adapter " + adapter; }  // for Stream::open_output
};
void add_model_directory_option(Command& command, ModelOptions& options, const std::string& default_model);
// Those besides the directory.
void add_run_model_options(Command& command, ModelOptions& options);
void add_model_options(Command& command, ModelOptions& options, const std::string& default_model);
inline constexpr const char* kAdapterDescription =
    "Adapter (LoRA) that the model runs with: one of the directory's own, or the directory of one that PEFT saved";

struct RunLimits {
  std::size_t max_length = 0;    // 0: the model's own
  std::size_t batch_tokens = 0;  // 0: the library's default
  std::string long_text = {};    // empty: not said
  std::size_t stride = 0;
  std::string window_scores = {};

  // What RunOptions::long_text is to be. Throws UsageError for a stride or scores of windows without windows.
  std::string long_text_mode() const;
  bool windows() const { return long_text_mode() == "window"; }
};
enum class LongTexts { windows, cut };  // whether a command has windows
void add_max_length_option(Command& command, std::size_t& max_length, const std::string& description);
void add_batch_tokens_option(Command& command, std::size_t& batch_tokens);
void add_run_options(Command& command, RunLimits& limits, LongTexts kind = LongTexts::windows);
void add_window_scores_option(Command& command, std::string& scores, const std::string& by_default);

// Where a default model is looked for, in order: $BERTH_WEIGHTS, share/berth of the prefix that berth was installed under (the running program's,
// then the one it was built for), ./weights.
std::vector<std::string> default_model_roots();
// The directory of a default model ("sentiment"), or nullopt.
std::optional<std::string> find_default_model(const std::string& name);

// --model, else the default model's directory. Throws DataError listing the places when there is none.
std::string model_directory(const ModelOptions& options, const std::string& default_model);
Model load_model(const ModelOptions& options, const std::string& default_model);

}  // namespace berth::cli
