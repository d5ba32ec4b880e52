#include "apps/cli/models.hpp"

#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <sys/auxv.h>

#include "apps/cli/errors.hpp"
#include "apps/cli/option_checks.hpp"

namespace berth::cli {
namespace {

namespace fs = std::filesystem;

// The program's own file; empty when the system does not say. An empty root directory has no /proc: then it is the path the program was called by.
fs::path program_file() {
  std::error_code failed;
  fs::path program = fs::read_symlink("/proc/self/exe", failed);
  if (!failed) return program;
  const char* called = reinterpret_cast<const char*>(getauxval(AT_EXECFN));  // NOLINT(performance-no-int-to-ptr)
  program = called == nullptr ? fs::path() : fs::absolute(called, failed);
  return failed ? fs::path() : program.lexically_normal();
}

}  // namespace

void add_model_directory_option(Command& command, ModelOptions& options, const std::string& default_model) {
  std::string description = "Hugging Face or sentence-transformers directory";
  if (!default_model.empty()) description += "; default: the model \"" + default_model + "\" that comes with berth";
  command.add_option("-m,--model", options.directory, description).type_name("DIR").check([](const std::string& text) {
    return text.empty() ? std::string("expected a directory, got nothing") : std::string();
  });
}

void add_model_options(Command& command, ModelOptions& options, const std::string& default_model) {
  add_model_directory_option(command, options, default_model);
  command.add_option("--adapter", options.adapter, kAdapterDescription).type_name("NAME|DIR").check([](const std::string& text) {
    return text.empty() ? std::string("expected a name or a directory, got nothing") : std::string();
  });
  add_run_model_options(command, options);
}

void add_run_model_options(Command& command, ModelOptions& options) {
  command.add_option("--precision", options.precision, "Arithmetic of the encoder's layers; default fp32; auto: what berth info --model says")
      .type_name("fp32|bf16|int8|auto");
  command.add_option("-t,--threads", options.threads, "Threads to use; default: as many CPUs as the process may use").type_name("N").check(check_positive);
  command.add_option("--isa", options.isa, "Use no instruction set beyond this one (avx2, ...); see berth info").type_name("NAME");
  command.add_flag("--no-mmap", options.no_mmap, "Copy the weights into memory instead of mapping the files");
}

void add_max_length_option(Command& command, std::size_t& max_length, const std::string& description) {
  command.add_option("--max-length", max_length, description).type_name("N").check(check_limit);
}

void add_batch_tokens_option(Command& command, std::size_t& batch_tokens) {
  command.add_option("--batch-tokens", batch_tokens, "Run texts together up to this many tokens; never changes a result").type_name("N").check(check_limit);
}

void add_run_options(Command& command, RunLimits& limits, LongTexts kind) {
  add_max_length_option(command, limits.max_length, "Longest text in tokens, special tokens included; default: the model's limit");
  const bool windows = kind == LongTexts::windows;
  command
      .add_option("--long-text", limits.long_text,
                  windows ? "What becomes of longer texts: truncate (they are cut, the default), error, or window (they run as overlapping windows)"
                          : "What becomes of longer texts: truncate (they are cut, the default) or error")
      .choices(windows ? "truncate|error|window" : "truncate|error");
  if (windows)
    command.add_option("--stride", limits.stride, "Tokens that neighbouring windows share; default 64. Means --long-text window")
        .type_name("N")
        .check(check_positive);
  add_batch_tokens_option(command, limits.batch_tokens);
}

void add_window_scores_option(Command& command, std::string& scores, const std::string& by_default) {
  command.add_option("--window-scores", scores, "What the scores of windows become: their mean or their max; default " + by_default).choices("mean|max");
}

std::string RunLimits::long_text_mode() const {
  if (!window_scores.empty() && stride == 0 && long_text != "window")
    throw UsageError("--window-scores: there are no windows without --long-text window or --stride");
  if (stride == 0) return long_text;
  if (!long_text.empty() && long_text != "window") throw UsageError("--stride: only windows share tokens, but --long-text is " + long_text);
  return "window";
}

std::vector<std::string> default_model_roots() {
  std::vector<std::string> roots;
  if (const char* named = std::getenv("BERTH_WEIGHTS"); named != nullptr && *named != '\0') roots.emplace_back(named);
  if (const fs::path program = program_file(); !program.empty()) roots.push_back((program.parent_path().parent_path() / "share" / "berth").string());
  if (roots.empty() || roots.back() != BERTH_DATA_DIR) roots.emplace_back(BERTH_DATA_DIR);
  roots.emplace_back("./weights");
  return roots;
}

std::optional<std::string> find_default_model(const std::string& name) {
  for (const std::string& root : default_model_roots()) {
    std::error_code ignored;
    const fs::path directory = fs::path(root) / name;
    if (fs::is_directory(directory, ignored)) return directory.string();
  }
  return std::nullopt;
}

std::string model_directory(const ModelOptions& options, const std::string& default_model) {
  if (!options.directory.empty()) return options.directory;
  if (default_model.empty()) throw UsageError("no model given: --model DIR names its directory");
  if (auto found = find_default_model(default_model)) return *found;
  std::string places;
  for (const std::string& root : default_model_roots()) places += (places.empty() ? "" : ", ") + root;
  throw DataError("no model given (--model DIR), and the default model \"" + default_model + "\" is in none of " + places +
                  "; set BERTH_WEIGHTS to the folder that holds it");
}

Model load_model(const ModelOptions& options, const std::string& default_model) {
  LoadOptions load;
  load.threads = options.threads;
  load.precision = options.precision;
  load.isa = options.isa;
  load.mmap = !options.no_mmap;
  load.adapter = options.adapter;
  try {
    return Model::load(model_directory(options, default_model), load);
  } catch (const Error& error) {
    // Whatever is wrong with the directory has another status: this is about an option, or about the variable that stands in for one. The
    // library knows which names there are.
    const bool variable = std::string_view(error.what()).starts_with("BERTH_ISA");
    if (error.status() == BERTH_INVALID_ARGUMENT && !variable) throw UsageError(error.what());
    throw;
  }
}

}  // namespace berth::cli
