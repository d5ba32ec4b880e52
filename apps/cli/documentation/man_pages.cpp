// Manual pages in the man(7) macros.
#include <berth/berth.h>

#include "apps/cli/documentation/tables.hpp"

namespace berth::cli::documentation {
namespace {

// Text as it stands: backslashes and hyphens escaped, and no line taken for a request.
std::string roff(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool line_begins = i == 0 || text[i - 1] == '\n';
    if (line_begins && (text[i] == '.' || text[i] == '\'')) out += "\\&";
    if (text[i] == '\\')
      out += "\\e";
    else if (text[i] == '-')
      out += "\\-";
    else
      out += text[i];
  }
  return out;
}

std::string bold(const std::string& text) { return "\\fB" + roff(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + roff(text) + "\\fR"; }
std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

std::string head(const std::string& page) { return ".TH " + roff(upper(page)) + " 1 \"\" \"berth " + roff(berth_version()) + "\" \"User Commands\"\n"; }
std::string section(const std::string& name) { return ".SH " + name + "\n"; }
std::string item(const std::string& tag, const std::string& text) { return ".TP\n" + tag + "\n" + roff(text) + "\n"; }

std::string options_section(const CommandEntry& command) {
  std::string out = section("OPTIONS");
  for (const OptionEntry& option : command.options) {
    std::vector<std::string> names;
    for (const std::string& name : option.names) names.push_back(bold(name));
    std::string text = option.description;
    if (option.required) text += " (required)";
    if (!option.excludes.empty()) text += "; not with " + join(option.excludes, ", ");
    out += item(join(names, ", ") + (option.value.empty() ? "" : " " + italic(option.value)), text);
  }
  return out;
}

Page command_page(const CommandEntry& command) {
  const std::string name = "berth-" + command.name;
  std::string text = head(name) + section("NAME") + roff(name) + " \\- " + roff(command.description) + "\n";
  text += section("SYNOPSIS") + bold("berth " + command.name) + " [" + italic("OPTION") + "]..." + (command.texts ? " [" + italic("TEXT") + "]..." : "") + "\n";
  text += options_section(command);
  text += section("SEE ALSO") + bold("berth") + "(1) says where texts come from, what the exit status means and which variables count.\n";
  return {"man1/" + name + ".1", text};
}

Page program_page(const Tables& tables) {
  std::string text = head("berth") + section("NAME") + "berth \\- " + roff(tables.program.description) + "\n";
  text += section("SYNOPSIS") + bold("berth") + " " + italic("COMMAND") + " [" + italic("OPTION") + "]... [" + italic("TEXT") + "]...\n";
  text += section("DESCRIPTION");
  for (const std::string& line : tables.footer) text += ".PP\n" + roff(line) + "\n";
  text += section("COMMANDS");
  for (const CommandEntry& command : tables.commands) text += item(bold("berth-" + command.name) + "(1)", command.description);
  text += options_section(tables.program);
  text += section("ENVIRONMENT");
  text += item(bold("BERTH_ISA"), "An instruction set that is not to be exceeded, as --isa names it; berth info lists them.");
  text += item(bold("BERTH_WEIGHTS"), "The folder in which the default models are looked for first.");
  text += item(bold("OMP_NUM_THREADS"), "Lowers the default number of threads.");
  return {"man1/berth.1", text};
}

}  // namespace

std::vector<Page> man_pages(const Tables& tables) {
  std::vector<Page> pages = {program_page(tables)};
  for (const CommandEntry& command : tables.commands) pages.push_back(command_page(command));
  return pages;
}

}  // namespace berth::cli::documentation
