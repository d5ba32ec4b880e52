#include "apps/cli/command.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <utility>

#include <CLI/CLI.hpp>

#include "apps/cli/errors.hpp"
#include "apps/cli/input.hpp"
#include "apps/cli/output.hpp"
#include "apps/cli/version.hpp"
#include "base/error.hpp"

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

// The arguments in parts.
struct Words {
  std::vector<std::string> options;  // the command and its options, for CLI11
  std::vector<std::string> texts;    // CLI11 would take some for its own: "++" ends a command
  std::string no_command;            // what stands where a command should, of which CLI11 says only that one is required
};

// CLI11 takes the argument behind "--option=" for the value, which here is empty, as in `--option ""`.
Words split_words(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* command = &app;
  std::string early;  // an option before the command, which has none but those of berth itself
  Words words;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument.size() < 2 || argument.front() != '-') {
      (command == &app ? words.options : words.texts).push_back(argument);
      if (command != &app) continue;
      const auto named = app.get_subcommands([&](const CLI::App* each) { return each->check_name(argument); });
      if (!named.empty()) {
        command = named.front();
        if (!early.empty()) throw UsageError(early + ": options go behind the command (see berth --help)");
      } else if (words.no_command.empty()) {
        words.no_command = base::quoted(argument);
      }
      continue;
    }
    words.options.push_back(argument);
    const std::size_t equals = argument.starts_with("--") ? argument.find('=') : std::string::npos;
    const std::string name = argument.substr(0, equals);
    const CLI::Option* option = command->get_option_no_throw(name);
    if (option == nullptr && command == &app && words.no_command.empty() && early.empty()) early = name;
    if (option == nullptr) continue;
    const bool flag = option->get_items_expected_max() == 0;
    if (equals == std::string::npos) {
      // Its value may look like anything.
      if (!flag && i + 1 < arguments.size()) words.options.push_back(arguments[++i]);
    } else if (equals + 1 == argument.size()) {
      if (flag) throw UsageError(name + ": takes no value, got \"" + argument + "\" (see berth --help)");
      words.options.back() = name;
      words.options.emplace_back();
    }
  }
  return words;
}

}  // namespace

Option& Option::type_name(const std::string& name) {
  option_->type_name(name);
  return *this;
}

Option& Option::choices(const std::string& choices) {
  option_->type_name(choices)->check(CLI::IsMember(CLI::detail::split(choices, '|')).description(""));
  return *this;
}

Option& Option::check(std::function<std::string(const std::string&)> check) {
  option_->check(std::move(check));
  return *this;
}

Option& Option::transform(std::function<std::string(std::string&)> change) {
  option_->transform(CLI::Validator(std::move(change), ""));
  return *this;
}

Option& Option::bytes() {
  option_->type_name("BYTES")->transform(CLI::AsSizeValue(false).description(""));
  return *this;
}

Option& Option::required() {
  option_->required();
  return *this;
}

Option& Option::excludes(const Option& other) {
  option_->excludes(other.option_);
  return *this;
}

Option& Option::separator(char separator) {
  option_->allow_extra_args(false)->delimiter(separator);
  return *this;
}

Option& Option::repeatable() {
  option_->take_all()->allow_extra_args(false);
  return *this;
}

template <class T>
Option Command::add_option(const std::string& names, T& target, const std::string& description) {
  return Option(app_->add_option(names, target, description));
}

template Option Command::add_option(const std::string&, std::string&, const std::string&);
template Option Command::add_option(const std::string&, std::optional<std::string>&, const std::string&);
template Option Command::add_option(const std::string&, std::vector<std::string>&, const std::string&);
template Option Command::add_option(const std::string&, int&, const std::string&);
template Option Command::add_option(const std::string&, std::size_t&, const std::string&);
template Option Command::add_option(const std::string&, std::uint16_t&, const std::string&);
template Option Command::add_option(const std::string&, double&, const std::string&);
template Option Command::add_option(const std::string&, std::optional<double>&, const std::string&);
template Option Command::add_option(const std::string&, InputFormat&, const std::string&);

Option Command::add_flag(const std::string& names, bool& target, const std::string& description) { return Option(app_->add_flag(names, target, description)); }

void Command::callback(std::function<void()> callback) { app_->callback(std::move(callback)); }

bool Command::given(const std::string& option) const { return app_->get_option(option)->count() > 0; }

std::string Command::name() const { return app_->get_name(); }

std::vector<std::string> Command::remaining() const { return app_->remaining(); }

CommandLine::CommandLine() : app_(std::make_unique<CLI::App>("Runs BERT-style encoders on CPUs: text in, labels and embeddings out.", "berth")) {
  app_->require_subcommand(1);
  app_->set_version_flag("--version", version_text);
  app_->formatter(std::make_shared<Formatter>());
  app_->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app_->footer(
      "Texts come as arguments (after -- when they begin with -), from --input FILE, or from standard input.\n"
      "Exit status: 0 good, 1 the input or the model is at fault, 2 the command line is.\n"
      "berth COMMAND --help describes a command.");
}

CommandLine::~CommandLine() = default;

Command CommandLine::add_command(const std::string& name, const std::string& description) {
  CLI::App* command = app_->add_subcommand(name, description);
  command->allow_extras();
  return Command(*command);
}

bool CommandLine::parse(std::vector<std::string> arguments) {
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  if (dashes != arguments.end()) {
    after_dashes.assign(dashes + 1, arguments.end());
    arguments.erase(dashes, arguments.end());
  }
  Words words = split_words(*app_, arguments);
  texts = std::move(words.texts);
  try {
    std::reverse(words.options.begin(), words.options.end());  // as CLI11 takes them
    app_->parse(std::move(words.options));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0 && !words.no_command.empty()) throw UsageError("there is no command " + words.no_command + " (see berth --help)");
    if (error.get_exit_code() != 0) throw UsageError(std::string(error.what()) + " (see berth --help)");
    std::ostringstream help;
    app_->exit(error, help, help);
    Output output(false, false);
    output.write(help.str());
    output.flush();
    return false;
  }
  return true;
}

std::vector<std::string> text_arguments(const CommandLine& line, const Command& command) {
  for (const std::string& unknown : command.remaining())
    throw UsageError("unknown option " + unknown + " (texts that begin with - go after --; see berth " + command.name() + " --help)");
  std::vector<std::string> texts = line.texts;
  texts.insert(texts.end(), line.after_dashes.begin(), line.after_dashes.end());
  return texts;
}

void refuse_arguments(const CommandLine& line, const Command& command) {
  const auto texts = text_arguments(line, command);
  if (!texts.empty()) throw UsageError("berth " + command.name() + " takes no texts, got \"" + texts.front() + "\"");
}

}  // namespace berth::cli
