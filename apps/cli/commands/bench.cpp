// berth bench: how fast a model runs on this machine, in steady state, on random token ids.
#include <chrono>
#include <memory>
#include <numeric>

#include <nlohmann/json.hpp>

#include "apps/cli/bench_load.hpp"
#include "apps/cli/commands.hpp"
#include "apps/cli/errors.hpp"
#include "apps/cli/json_text.hpp"
#include "apps/cli/option_checks.hpp"
#include "apps/cli/people.hpp"
#include "apps/cli/rows.hpp"

namespace berth::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMinCalls = 5;
constexpr std::size_t kDefaultLength = 128;
constexpr double kPeakSeconds = 0.1;
constexpr double kMegabyte = 1 << 20;

struct BenchCommand {
  ModelOptions model;
  TextOptions text;  // only how to write
  std::size_t batch = 1;
  std::size_t length = 0;  // 0: kDefaultLength, or all positions where there are fewer
  std::size_t batch_tokens = 0;
  bool ragged = false;
  double seconds = 3;
};

struct Result {
  Summary latency_ms;  // of one call with the whole batch
  double sequences_per_second = 0, tokens_per_second = 0, load_ms = 0, load_peak_rss_mb = 0, peak_rss_mb = 0, rss_anon_mb = 0, rss_file_mb = 0,
         model_size_mb = 0, gflop = 0, peak_gflops = 0;
  std::uint64_t parameters = 0, threads = 0;
  std::string isa, precision;

  double gflops() const { return 1000 * gflop / latency_ms.p50; }  // of the median call
  double of_peak() const { return peak_gflops > 0 ? gflops() / peak_gflops : 0; }
};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Calls until both the time and the least number of calls are reached; gives the milliseconds of each.
template <class Call>
std::vector<double> measure(double seconds, const Call& call) {
  std::vector<double> samples;
  const auto start = Clock::now();
  do {
    const auto before = Clock::now();
    call();
    samples.push_back(1000 * seconds_since(before));
  } while (samples.size() < kMinCalls || seconds_since(start) < seconds);
  return samples;
}

Result bench(const BenchCommand& options) {
  Result result;
  const auto start = Clock::now();
  const Model model = load_model(options.model, kDefaultEncoder);
  result.load_ms = 1000 * seconds_since(start);
  result.load_peak_rss_mb = status_megabytes("VmHWM");
  const auto info = nlohmann::json::parse(model.info());

  const auto positions = info.at("max_positions").get<std::size_t>();
  if (options.length > positions) throw DataError("--length " + std::to_string(options.length) + ": the model has " + std::to_string(positions) + " positions");
  const std::size_t length = options.length > 0 ? options.length : std::min(kDefaultLength, positions);
  const auto lengths = row_lengths(options.batch, length, options.ragged);
  const auto rows = random_rows(lengths, info.at("vocab_size").get<std::size_t>());
  std::vector<Input> inputs;
  for (const auto& row : rows) inputs.push_back(Input::from_ids(row));
  std::vector<float> embeddings(rows.size() * model.embedding_size());
  RunOptions run_options;
  run_options.batch_tokens = options.batch_tokens;
  const auto call = [&] { model.encode(inputs, embeddings, {}, run_options); };

  measure(std::min(1.0, options.seconds / 4), call);  // pages touched, workspaces grown, clocks up
  const auto samples = measure(options.seconds, call);
  result.latency_ms = summarise(samples);
  const double measured = std::accumulate(samples.begin(), samples.end(), 0.0) / 1000;
  const auto calls = static_cast<double>(samples.size());
  result.sequences_per_second = calls * static_cast<double>(rows.size()) / measured;
  result.tokens_per_second = calls * static_cast<double>(std::accumulate(lengths.begin(), lengths.end(), std::size_t{0})) / measured;
  result.peak_rss_mb = status_megabytes("VmHWM");
  result.rss_anon_mb = status_megabytes("RssAnon");
  result.rss_file_mb = status_megabytes("RssFile");
  result.model_size_mb = info.at("model_size_bytes").get<double>() / kMegabyte;
  result.parameters = info.at("parameters").get<std::uint64_t>();
  result.gflop = batch_flop(lengths, info.at("flop_per_token").get<double>(), info.at("flop_per_token_squared").get<double>()) / 1e9;
  result.isa = info.at("isa").get<std::string>();
  result.precision = info.at("precision").get<std::string>();
  result.peak_gflops = model.measure_peak(std::min(kPeakSeconds, options.seconds)) / 1e9;
  result.threads = info.at("threads").get<std::uint64_t>();
  return result;
}

std::string json_line(const Result& result) {
  nlohmann::ordered_json latency = {{"mean", result.latency_ms.mean},
                                    {"std", result.latency_ms.std},
                                    {"p50", result.latency_ms.p50},
                                    {"p95", result.latency_ms.p95},
                                    {"p99", result.latency_ms.p99}};
  nlohmann::ordered_json out = {{"latency_ms", std::move(latency)},
                                {"sequences_per_second", result.sequences_per_second},
                                {"tokens_per_second", result.tokens_per_second},
                                {"load_ms", result.load_ms},
                                {"load_peak_rss_mb", result.load_peak_rss_mb},
                                {"peak_rss_mb", result.peak_rss_mb},
                                {"rss_anon_mb", result.rss_anon_mb},
                                {"rss_file_mb", result.rss_file_mb},
                                {"model_size_mb", result.model_size_mb},
                                {"parameters", result.parameters},
                                {"gflop", result.gflop},
                                {"gflops", result.gflops()},
                                {"peak_gflops", result.peak_gflops},
                                {"of_peak", result.of_peak()},
                                {"precision", result.precision},
                                {"isa", result.isa},
                                {"threads", result.threads}};
  return out.dump() + "\n";
}

std::string for_people(const Result& result) {
  const auto field = [](std::string_view name, const std::string& value) { return pad_right(name, 16) + value + "\n"; };
  const Summary& latency = result.latency_ms;
  return field("latency", fixed(latency.mean, 3) + " ms mean, " + fixed(latency.std, 3) + " std, " + fixed(latency.p50, 3) + " median, " +
                              fixed(latency.p95, 3) + " p95, " + fixed(latency.p99, 3) + " p99") +
         field("throughput", grouped(result.sequences_per_second) + " sequences/s, " + grouped(result.tokens_per_second) + " tokens/s, " +
                                 fixed(result.gflops(), 1) + " GFLOP/s") +
         field("of the peak", fixed(100 * result.of_peak(), 1) + "% of " + grouped(result.peak_gflops) + " GFLOP/s, measured in registers") +
         field("work per call", fixed(result.gflop, 3) + " GFLOP") +
         field("load", fixed(result.load_ms, 1) + " ms, " + fixed(result.load_peak_rss_mb, 1) + " MiB at its peak") +
         field("memory", fixed(result.peak_rss_mb, 1) + " MiB peak, " + fixed(result.rss_anon_mb, 1) + " MiB anonymous, " + fixed(result.rss_file_mb, 1) +
                             " MiB of files") +
         field("model", fixed(result.model_size_mb, 1) + " MiB, " + grouped(static_cast<double>(result.parameters)) + " parameters") +
         field("instruction set", result.isa) + field("precision", result.precision) + field("threads", std::to_string(result.threads));
}

void run(const BenchCommand& options) {
  const Result result = bench(options);
  Output output(options.text.json, options.text.table);
  output.write(output.people() ? for_people(result) : json_line(result));
  output.flush();
}

}  // namespace

void add_bench(CommandLine& line) {
  Command command = line.add_command("bench", "Measure a model in steady state, on random token ids");
  const auto options = std::make_shared<BenchCommand>();
  add_model_options(command, options->model, kDefaultEncoder);
  command.add_option("-b,--batch", options->batch, "Rows per call; default 1").type_name("N").check(check_positive);
  command.add_option("-l,--length", options->length, "Tokens per row; default 128, or what the model has positions for").type_name("N").check(check_positive);
  command.add_flag("--ragged", options->ragged, "Rows of different lengths, from 8 to --length, a third of it on average");
  command.add_option("--batch-tokens", options->batch_tokens, "Run rows together up to this many tokens").type_name("N").check(check_limit);
  command.add_option("-s,--seconds", options->seconds, "How long to measure; default 3").type_name("S").check([](const std::string& text) {
    return check_between(text, 0.001, 86400, " seconds");
  });
  add_output_options(command, options->text);
  command.callback([&line, command, options] {
    refuse_arguments(line, command);
    line.run = [=] { run(*options); };
  });
}

}  // namespace berth::cli
