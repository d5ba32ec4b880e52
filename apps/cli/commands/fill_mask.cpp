// berth fill-mask: words in place of mask tokens, by a masked-language-model head.
#include <algorithm>
#include <cstdint>
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

constexpr std::size_t kLogitBytes = std::size_t{64} << 20;  // of a chunk, where all logits are reported

struct FillMaskCommand {
  ModelOptions model;
  RunLimits limits;
  TextOptions text;
  FillMaskOptions fill;
  std::string targets;
  std::int32_t mask_id = -1;
};

std::string_view view(const berth_string& text) { return {text.data == nullptr ? "" : text.data, text.size}; }

std::string json_line(const Record& record, const Findings& found, std::size_t row) {
  std::string out = "{";
  append_texts(out, record);
  const auto masks = apps::by_mask(found[row]);
  if (!found.logits(row).empty()) {
    out += "\"logits\":";
    append_matrix(out, found.logits(row), found.logits_size());
  } else {
    out += "\"fills\":";
    apps::append_fills(out, found[row]);
  }
  out += ',';
  append_row(out, found.rows()[row].tokens, found.rows()[row].truncated != 0);
  return out + "}\n";
}

// The text, then the words for each of its masks.
std::string fill_lines(const Record& record, const Findings& found, std::size_t row, int columns) {
  std::string out = describe(record, found.rows()[row].truncated != 0, columns) + "\n";
  const auto masks = apps::by_mask(found[row]);
  for (std::size_t mask = 0; mask < masks.size(); ++mask) {
    if (masks.size() > 1) out += "  mask " + std::to_string(mask + 1) + "\n";
    for (const berth_finding& fill : masks[mask]) {
      std::string line = "  " + score_cell(fill.score) + "  ";
      line += pad_right(one_line(fill.text.data == nullptr ? "id " + std::to_string(fill.id) : std::string(view(fill.text)), 20), 20) + "  ";
      out += line + one_line(view(fill.sequence), columns - display_width(line)) + "\n";
    }
  }
  return out;
}

void run(FillMaskCommand options, std::vector<std::string> arguments) {
  Source source = open_source(options.text, std::move(arguments));
  const Model model = load_model(options.model, "");
  Output output(options.text.json, options.text.table);
  options.fill.max_length = options.limits.max_length;
  options.fill.batch_tokens = options.limits.batch_tokens;
  options.fill.long_text = options.limits.long_text;
  if (options.fill.raw_scores && options.fill.top_k == 0 && output.people())
    throw UsageError("--raw-scores --top-k 0 gives every token's logit, which only JSON has: --json");
  ChunkLimits limits = chunk_limits(options.limits);
  if (options.fill.top_k == 0)
    limits.rows = std::clamp<std::size_t>(kLogitBytes / (std::max<std::size_t>(1, model.vocab_size()) * sizeof(berth_finding)), 1, limits.rows);
  for_each_chunk(source, output, limits, [&](std::span<const Record> records) {
    const Findings found = model.fill_mask(inputs_of(records), options.fill);
    for (std::size_t i = 0; i < records.size(); ++i)
      output.write(output.people() ? fill_lines(records[i], found, i, output.columns()) : json_line(records[i], found, i));
  });
}

}  // namespace

void add_fill_mask(CommandLine& line) {
  Command command = line.add_command("fill-mask", "Find words in place of the mask tokens of texts, with a masked language model");
  const auto options = std::make_shared<FillMaskCommand>();
  add_model_options(command, options->model, "");
  add_run_options(command, options->limits, LongTexts::cut);
  command.add_option("-k,--top-k", options->fill.top_k, "Words to report for each mask, best first; 0: all; default 5").type_name("N").check(check_count);
  command.add_option("--targets", options->targets, "Only these words, separated by commas; one that is no token stands for its first token").type_name("LIST");
  command.add_option("--mask-id", options->mask_id, "Which id is the mask's; default: the tokenizer says").type_name("ID").check(check_count);
  command.add_flag("--raw-scores", options->fill.raw_scores, "Report logits instead of scores; with --top-k 0 those of the whole vocabulary, by id");
  add_text_options(command, options->text);
  command.callback([&line, command, options] {
    options->fill.targets = split_exactly(options->targets);
    if (options->mask_id >= 0) options->fill.mask_id = options->mask_id;
    line.run = [=, texts = text_arguments(line, command)] { run(*options, texts); };
  });
}

}  // namespace berth::cli
