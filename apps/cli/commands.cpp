#include "apps/cli/commands.hpp"

#include "apps/cli/errors.hpp"

namespace berth::cli {

std::vector<std::string> text_arguments(const CommandLine& line, const CLI::App& command) {
  std::vector<std::string> texts = command.remaining();
  for (const std::string& text : texts)
    if (text.size() > 1 && text.front() == '-')
      throw UsageError("unknown option " + text + " (texts that begin with - go after --; see berth " + command.get_name() + " --help)");
  texts.insert(texts.end(), line.after_dashes.begin(), line.after_dashes.end());
  return texts;
}

void refuse_arguments(const CommandLine& line, const CLI::App& command) {
  const auto texts = text_arguments(line, command);
  if (!texts.empty()) throw UsageError("berth " + command.get_name() + " takes no texts, got \"" + texts.front() + "\"");
}

}  // namespace berth::cli
