// berth calibrate-ranges: each dimension's minimum and maximum over the embeddings of many texts, for int8 and uint8 embeddings.
#include <fstream>
#include <iostream>
#include <memory>

#include "apps/cli/commands.hpp"
#include "apps/cli/embeddings.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/rows.hpp"

namespace berth::cli {
namespace {

constexpr std::uint64_t kFewTexts = 100;  // below it sentence-transformers warns, too

struct CalibrateRangesCommand {
  ModelOptions model;
  RunLimits limits;
  EmbeddingOptions embedding;
  TextOptions text;
  std::string output = "-";
};

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) throw DataError(path + ": cannot be written");
}

void run(const CalibrateRangesCommand& options, std::vector<std::string> arguments) {
  Source source = open_source(options.text, std::move(arguments));
  const Model model = load_model(options.model, kDefaultEncoder);
  Output output(true, false);
  const RunOptions run_options = cli::run_options(model, options.limits, options.embedding);
  std::vector<float> ranges(2 * model.embedding_size(run_options));
  std::uint64_t texts = 0;
  for_each_chunk(source, output, chunk_limits(options.limits), [&](std::span<const Record> records) {
    const Matrix embeddings = model.encode(inputs_of(records), run_options);
    for (std::size_t i = 0; i < records.size(); ++i) require_finite(embeddings[i], records[i]);
    detail::check(berth_find_ranges(embeddings.values.data(), embeddings.size(), embeddings.columns, texts > 0 ? 1 : 0, ranges.data()));
    texts += records.size();
  });
  if (texts == 0) throw DataError("no texts to calibrate with");
  if (texts < kFewTexts)
    std::cerr << "berth: ranges of " << texts << " texts only: values beyond them are cut off; take some hundreds of the kind that will be encoded\n";
  const std::string json = ranges_json(ranges, texts);
  if (options.output != "-") return write_file(options.output, json);
  output.write(json);
  output.flush();
}

}  // namespace

void add_calibrate_ranges(CommandLine& line) {
  Command command = line.add_command("calibrate-ranges", "Find the ranges that int8 and uint8 embeddings need, over texts like those that will be encoded");
  const auto options = std::make_shared<CalibrateRangesCommand>();
  add_model_options(command, options->model, kDefaultEncoder);
  add_run_options(command, options->limits);
  add_embedding_options(command, options->embedding);
  command.add_option("-o,--output", options->output, "Write the ranges to this file; \"-\", the default: to standard output").type_name("FILE");
  add_text_options(command, options->text);
  command.callback([&line, command, options] { line.run = [=, texts = text_arguments(line, command)] { run(*options, texts); }; });
}

}  // namespace berth::cli
