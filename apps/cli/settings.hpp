// Options from elsewhere than the command line: variables of the environment and a file. What is said first counts: command line, environment, file.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace berth::cli {

// Sets options of `app` that nobody set yet from variables with this prefix: "--max-batch-tokens" from BERTH_MAX_BATCH_TOKENS. `except` are left alone.
// An empty variable is as good as none.
void apply_environment(CLI::App& app, const std::string& prefix, const std::vector<std::string>& except);

// The same from variables by name: {"MAX_BATCH_TOKENS", "--max-batch-tokens"}.
void apply_environment(CLI::App& app, const std::vector<std::pair<std::string, std::string>>& names);

// The same from a JSON file {"max-batch-tokens":1024,"model":["a=dir","b=dir"],…}. Throws UsageError naming file, key and value.
void apply_file(CLI::App& app, const std::string& path);

// What is set, by option: values as text, "***" for those in `secret`.
std::vector<std::pair<std::string, std::string>> describe_settings(const CLI::App& app, const std::vector<std::string>& secret);

}  // namespace berth::cli
