#include "apps/cli/commands.hpp"

#include <memory>

#include "apps/cli/errors.hpp"
#include "apps/cli/version.hpp"

namespace berth::cli {
namespace {

// Says that a command takes texts: CLI11 does not know (see text_arguments).
class Formatter : public CLI::Formatter {
  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string usage = CLI::Formatter::make_usage(app, name);
    const auto end = usage.find_last_not_of('\n');
    if (end != std::string::npos && app->get_option_no_throw("--input") != nullptr) usage.insert(end + 1, " [TEXT...]");
    return usage;
  }
};

}  // namespace

void describe(CommandLine& line) {
  line.app.name("berth");
  line.app.description("Runs BERT-style encoders on CPUs: text in, labels and embeddings out.");
  line.app.require_subcommand(1);
  line.app.set_version_flag("--version", version_text);
  line.app.formatter(std::make_shared<Formatter>());
  line.app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  line.app.footer(
      "Texts come as arguments (after -- when they begin with -), from --input FILE, or from standard input.\n"
      "Exit status: 0 good, 1 the input or the model is at fault, 2 the command line is.\n"
      "berth COMMAND --help describes a command.");
  add_classify(line);
  add_encode(line);
  add_similarity(line);
  add_tag(line);
  add_rerank(line);
  add_zero_shot(line);
  add_fill_mask(line);
  add_answer(line);
  add_tokenize(line);
  add_info(line);
  add_calibrate_ranges(line);
  add_bench(line);
  add_eval(line);
  add_verify(line);
  add_profile(line);
  add_serve(line);
  add_health(line);
  for (CLI::App* command : line.app.get_subcommands({})) command->allow_extras();
}

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
