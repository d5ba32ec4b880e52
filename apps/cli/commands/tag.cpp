// berth tag: entities, by a token-classification head.
#include <memory>

#include "apps/cli/commands.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/option_checks.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/rows.hpp"
#include "apps/common/findings_json.hpp"

namespace berth::cli {
namespace {

struct TagCommand {
  ModelOptions model;
  RunLimits limits;
  TextOptions text;
  TagOptions tag;
};

std::string json_line(const Record& record, const Findings& found, std::size_t row, const TagOptions& options) {
  const bool grouped = !options.aggregation.empty() && options.aggregation != "none";
  std::string out = "{";
  append_texts(out, record);
  out += "\"entities\":[";
  for (const berth_finding& entity : found[row]) {
    if (out.back() != '[') out += ',';
    apps::append_entity(out, entity, grouped);
  }
  out += "],";
  if (options.raw_scores) {
    out += "\"logits\":";
    append_matrix(out, found.logits(row), found.logits_size());
    out += ',';
  }
  append_row(out, found.rows()[row], options.long_text == "window");
  return out + "}\n";
}

// The text, then what was found in it.
std::string entity_lines(const Record& record, const Findings& found, std::size_t row, int columns) {
  std::string out = describe(record, found.rows()[row], columns) + "\n";
  for (const berth_finding& entity : found[row]) {
    std::string line = "  " + pad_right(one_line({entity.label.data, entity.label.size}, 16), 16) + score_cell(entity.score) + "  ";
    const std::string token = "token " + std::to_string(entity.first_token);
    line +=
        one_line(entity.text.data == nullptr ? std::string_view(token) : std::string_view(entity.text.data, entity.text.size), columns - display_width(line));
    out += line + "\n";
  }
  return out;
}

void run(TagCommand options, std::vector<std::string> arguments) {
  Source source = open_source(options.text, std::move(arguments));
  const Model model = load_model(options.model, "");
  Output output(options.text.json, options.text.table);
  options.tag.max_length = options.limits.max_length;
  options.tag.long_text = options.limits.long_text_mode();
  options.tag.stride = options.limits.stride;
  options.tag.batch_tokens = options.limits.batch_tokens;
  for_each_chunk(source, output, chunk_limits(options.limits), [&](std::span<const Record> records) {
    const Findings found = model.tag(inputs_of(records), options.tag);
    for (std::size_t i = 0; i < records.size(); ++i)
      output.write(output.people() ? entity_lines(records[i], found, i, output.columns()) : json_line(records[i], found, i, options.tag));
  });
}

}  // namespace

void add_tag(CommandLine& line) {
  Command command = line.add_command("tag", "Find entities with a token-classification model");
  const auto options = std::make_shared<TagCommand>();
  add_model_options(command, options->model, "");
  add_run_options(command, options->limits);
  command
      .add_option("-a,--aggregation", options->tag.aggregation,
                  "Tokens put together: none (default), simple (neighbours of one tag), or whole words by their first, average or max scores")
      .choices("none|simple|first|average|max");
  command.add_option("--ignore-labels", options->tag.ignore_labels, "Labels to leave out, separated by commas; default O").type_name("LIST").separator(',');
  command.add_flag("--raw-scores", options->tag.raw_scores, "Report every token's logits, too");
  add_text_options(command, options->text);
  command.callback([&line, command, options] {
    if (options->limits.windows() && (options->tag.aggregation.empty() || options->tag.aggregation == "none"))
      throw UsageError("--long-text: windows need --aggregation simple, first, average or max to be merged");
    line.run = [=, texts = text_arguments(line, command)] { run(*options, texts); };
  });
}

}  // namespace berth::cli
