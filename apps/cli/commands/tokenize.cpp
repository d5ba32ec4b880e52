// berth tokenize: ids, tokens and offsets. Needs only the tokenizer's files.
#include <algorithm>
#include <memory>

#include "apps/cli/commands.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/rows.hpp"

namespace berth::cli {
namespace {

struct TokenizeCommand {
  ModelOptions model;  // only its directory
  TextOptions text;
  std::size_t max_length = 0;
  bool no_special_tokens = false;
};

std::string json_line(const Record& record, const Encoding& encoding) {
  std::string out = "{";
  append_texts(out, record);
  out += "\"ids\":";
  append_array(out, encoding.ids());
  out += ",\"type_ids\":";
  append_array(out, encoding.type_ids());
  out += ",\"tokens\":[";
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    if (i > 0) out += ',';
    append_string(out, encoding.token(i));
  }
  out += "],\"offsets\":[";
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    const auto [begin, end] = encoding.offsets(i);
    out += i > 0 ? ",[" : "[";
    append_number(out, std::uint64_t{begin});
    out += ',';
    append_number(out, std::uint64_t{end});
    out += ']';
  }
  return out + "]}\n";
}

// The text, then its tokens with their ids below them, wrapped at the terminal's width.
std::string people_lines(const Record& record, const Encoding& encoding, int columns) {
  std::string out = describe(record, encoding.truncated(), columns) + "\n";
  std::string tokens = "  ", ids = "  ";
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    const std::string token = one_line(encoding.token(i), columns / 2), id = std::to_string(encoding.ids()[i]);
    const int width = std::max(display_width(token), static_cast<int>(id.size())) + 2;
    if (display_width(tokens) + width > columns && tokens.size() > 2) {
      out += tokens + "\n" + ids + "\n";
      tokens = ids = "  ";
    }
    tokens += pad_right(token, width);
    ids += pad_right(id, width);
  }
  return out + tokens + "\n" + ids + "\n";
}

void run(const TokenizeCommand& options, std::vector<std::string> arguments) {
  Source source = open_source(options.text, std::move(arguments));
  const Tokenizer tokenizer = Tokenizer::load(model_directory(options.model, kDefaultEncoder));
  Output output(options.text.json, options.text.table);
  TokenizeOptions tokenize;
  tokenize.max_length = options.max_length;
  tokenize.add_special_tokens = !options.no_special_tokens;
  for_each_chunk(source, output, {}, [&](std::span<const Record> records) {
    // Each row is computed just before it is written, and nothing of a chunk may be written before all of it has been computed.
    std::string lines;
    for (const Record& record : records) {
      if (record.ids) {
        output.write(lines);
        throw DataError(record.where + ": berth tokenize takes text, the line has \"ids\"");
      }
      const Encoding encoding = tokenizer.tokenize(record.input(), tokenize);
      lines += output.people() ? people_lines(record, encoding, output.columns()) : json_line(record, encoding);
    }
    output.write(lines);
  });
}

}  // namespace

void add_tokenize(CommandLine& line) {
  Command command = line.add_command("tokenize", "Show the tokens of texts");
  const auto options = std::make_shared<TokenizeCommand>();
  add_model_directory_option(command, options->model, kDefaultEncoder);
  add_max_length_option(command, options->max_length, "Cut to this many tokens, special tokens included; default: texts are not cut");
  command.add_flag("--no-special-tokens", options->no_special_tokens, "Only the text's own tokens, without [CLS] and [SEP]");
  add_text_options(command, options->text);
  command.callback([&line, command, options] { line.run = [=, texts = text_arguments(line, command)] { run(*options, texts); }; });
}

}  // namespace berth::cli
