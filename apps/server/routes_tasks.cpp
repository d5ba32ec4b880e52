// Routes of our own, in OpenAI's manner: a list of results, the model's name and the tokens that were used.
#include "apps/common/scores.hpp"
#include "apps/server/json_out.hpp"
#include "apps/server/routes.hpp"
#include "apps/server/work.hpp"

namespace berth::server {
namespace {

std::vector<std::string> read_texts(const Fields& fields, const char* key) {
  if (fields.required(key).is_string()) return {fields.string(key)};
  return fields.strings(key);
}

// A list of {"index":i,…"tokens":n,"truncated":false}, and the number of windows where there may be several.
Response results_response(Job& job, const std::function<void(std::string& out, const Item& item)>& append) {
  std::string data;
  std::size_t index = 0;
  append_list(data, job.items, [&](const Item& item) {
    data.append("{\"index\":").append(std::to_string(index++)).append(",");
    append(data, item);
    data.append("\"tokens\":").append(std::to_string(item.tokens)).append(",\"truncated\":").append(item.truncated ? "true" : "false");
    if (job.lane.windows) data.append(",\"windows\":").append(std::to_string(item.windows));
    data += '}';
  });
  return list_response(job, data);
}

void add_texts(Work& work, const std::vector<std::string>& texts) {
  work.expect(texts.size());
  for (const std::string& text : texts) work.add(Text(text));
}

void classify_by_profile(Service& service, const CallPointer& call, const Fields& fields, ModelPointer profile) {
  for (const char* key : {"top_k", "raw_scores", "truncate", "truncation_direction", "long_text", "stride", "window_scores", "prompt_name", "role"})
    if (fields.find(key) != nullptr) fail_validation("`" + std::string(key) + "`: the profile says what becomes of a text, and gives one label");
  const std::vector<std::string> texts = read_texts(fields, "input");
  Lane lane;
  lane.task = Task::profile;
  lane.model = std::move(profile);
  Work work(service, call, ErrorStyle::openai, std::move(lane), {});
  add_texts(work, texts);
  work.submit([](Job& job) { return results_response(job, [](std::string& out, const Item& item) { out += item.result.json; }); });
}

}  // namespace

void handle_classify(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  const auto profile = fields.maybe_string("profile");
  const ModelPointer model = profile ? service.profile(*profile) : service.model(fields);
  if (model->classifier) return classify_by_profile(service, call, fields, model);
  const base::Json& value = fields.required("input");
  std::vector<PairText> texts;
  // Other than /predict's: a list is always a list, and a pair is an array of two inside of it.
  const auto add = [&](const base::Json& each) {
    constexpr const char* kExpected = "a string, or an array of strings and of pairs of strings";
    if (each.is_string()) {
      texts.push_back({each.get<std::string>(), std::nullopt});
    } else if (each.is_array() && each.size() == 2 && each[0].is_string() && each[1].is_string()) {
      texts.push_back({each[0].get<std::string>(), each[1].get<std::string>()});
    } else {
      fields.reject("input", kExpected);
    }
  };
  if (value.is_array()) {
    for (const base::Json& each : value) add(each);
  } else {
    add(value);
  }
  Lane lane;
  lane.task = Task::classify;
  lane.model = model;
  if (model->kind != ModelKind::classifier && model->kind != ModelKind::reranker)
    fail_model_type("the model has no sequence-classification head, and no profile was named");
  lane.raw_scores = fields.boolean("raw_scores", false);
  const std::size_t top_k = fields.maybe_size("top_k").value_or(0);
  Work work(service, call, ErrorStyle::openai, std::move(lane), read_text_policy(service, fields));
  work.expect(texts.size());
  for (PairText& text : texts) work.add(std::move(text));
  work.submit([top_k](Job& job) {
    const ModelPointer model = job.lane.model;
    return results_response(job, [&](std::string& out, const Item& item) {
      out += "\"labels\":";
      append_list(out, apps::best(item.result.values, top_k), [&](std::size_t label) {
        out += "{\"label\":";
        base::append_string(out, model->labels[label]);
        out += ",\"score\":";
        base::append_number(out, item.result.values[label]);
        out += '}';
      });
      out += ',';
    });
  });
}

void handle_tag(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  const std::vector<std::string> texts = read_texts(fields, fields.find("input") == nullptr && fields.find("inputs") != nullptr ? "inputs" : "input");
  Lane lane;
  lane.task = Task::tag;
  lane.model = service.model(fields);
  if (lane.model->kind != ModelKind::tagger) fail_model_type("the model has no token-classification head");
  lane.aggregation = fields.maybe_string("aggregation").value_or("none");
  lane.names = fields.find("ignore_labels") == nullptr ? std::vector<std::string>{"O"} : fields.strings("ignore_labels");
  Work work(service, call, ErrorStyle::openai, std::move(lane), read_text_policy(service, fields));
  add_texts(work, texts);
  work.submit([](Job& job) {
    return results_response(job, [](std::string& out, const Item& item) { out.append("\"entities\":").append(item.result.json).append(","); });
  });
}

void handle_zero_shot(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  const std::vector<std::string> texts = read_texts(fields, "input");
  Lane lane;
  lane.task = Task::zero_shot;
  lane.model = service.model(fields);
  if (lane.model->kind != ModelKind::classifier) fail_model_type("the model is none of natural-language inference");
  lane.names = fields.strings("labels");
  constexpr std::size_t kMaxLabels = 1024;
  if (lane.names.empty() || lane.names.size() > kMaxLabels)
    fail_validation("`labels` must have 1 to " + std::to_string(kMaxLabels) + " labels. Given: " + std::to_string(lane.names.size()));
  lane.multi_label = fields.boolean("multi_label", false);
  lane.hypothesis_template = fields.maybe_string("hypothesis_template").value_or("");
  Work work(service, call, ErrorStyle::openai, std::move(lane), read_text_policy(service, fields));
  add_texts(work, texts);
  work.submit([](Job& job) {
    return results_response(job, [&](std::string& out, const Item& item) {
      const std::vector<float>& scores = item.result.values;
      const auto order = apps::best(scores, 0);
      out += "\"labels\":";
      append_list(out, order, [&](std::size_t label) { base::append_string(out, job.lane.names[label]); });
      out += ",\"scores\":";
      append_list(out, order, [&](std::size_t label) { base::append_number(out, scores[label]); });
      out += ',';
    });
  });
}

void handle_fill_mask(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  const std::vector<std::string> texts = read_texts(fields, "input");
  Lane lane;
  lane.task = Task::fill_mask;
  lane.model = service.model(fields);
  if (lane.model->kind != ModelKind::masked) fail_model_type("the model has no masked-language-model head");
  lane.top_k = fields.maybe_size("top_k").value_or(5);
  if (fields.find("targets") != nullptr) lane.names = fields.strings("targets");
  Work work(service, call, ErrorStyle::openai, std::move(lane), read_text_policy(service, fields));
  add_texts(work, texts);
  work.submit([](Job& job) {
    return results_response(job, [](std::string& out, const Item& item) { out.append("\"fills\":").append(item.result.json).append(","); });
  });
}

void handle_answer(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  for (const char* key : {"truncate", "truncation_direction", "long_text", "window_scores", "prompt_name", "role"})
    if (fields.find(key) != nullptr) fail_validation("`" + std::string(key) + "`: a long context runs as windows, and a question stays whole");
  std::vector<PairText> pairs;
  const auto add = [&pairs](const Fields& each) { pairs.push_back({each.string("question"), each.string("context")}); };
  const base::Json* input = fields.find("input");
  if (input == nullptr) {
    add(fields);
  } else if (input->is_array()) {
    for (std::size_t i = 0; i < input->size(); ++i) add(Fields((*input)[i], "input[" + std::to_string(i) + "]"));
  } else {
    add(Fields(*input, "input"));
  }
  Lane lane;
  lane.task = Task::answer;
  lane.model = service.model(fields);
  if (lane.model->kind != ModelKind::answering) fail_model_type("the model has no question-answering head");
  lane.top_k = fields.maybe_size("top_k").value_or(1);
  lane.max_answer_tokens = fields.maybe_size("max_answer_tokens").value_or(0);
  lane.impossible = fields.boolean("allow_no_answer", false);
  constexpr std::size_t kMaxAnswers = 1024;
  if (lane.top_k == 0 || lane.top_k > kMaxAnswers)
    fail_validation("`top_k` must be from 1 to " + std::to_string(kMaxAnswers) + ". Given: " + std::to_string(lane.top_k));
  TextPolicy policy;
  policy.stride = fields.maybe_size("stride").value_or(0);
  Work work(service, call, ErrorStyle::openai, std::move(lane), policy);
  work.expect(pairs.size());
  for (PairText& pair : pairs) work.add(std::move(pair));
  work.submit([](Job& job) { return results_response(job, [](std::string& out, const Item& item) { out.append(item.result.json).append(","); }); });
}

}  // namespace berth::server
