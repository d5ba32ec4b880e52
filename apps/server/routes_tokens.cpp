// Tokens of texts, and texts of tokens.
#include "apps/server/json_out.hpp"
#include "apps/server/routes.hpp"
#include "apps/server/work.hpp"
#include "base/utf8.hpp"

namespace berth::server {
namespace {

const Tokenizer& tokenizer_of(const ServedModel& model) {
  if (model.classifier) fail_model_type("a profile gives labels: /v1/classify");
  if (!model.tokenizer) throw Failure(FailureKind::tokenizer, "tokenizer error: the model's directory has no tokenizer", "tokenization");
  return *model.tokenizer;
}

// Bytes where each code point of a text begins, and its end.
std::vector<std::size_t> byte_offsets(std::string_view text) {
  std::vector<std::size_t> offsets;
  for (std::size_t at = 0; at < text.size(); at += base::decode_utf8(text, at).length) offsets.push_back(at);
  offsets.push_back(text.size());
  return offsets;
}

constexpr std::size_t kMostText = std::size_t{1} << 20;  // bytes; its tokens take some 60 times as much while they are written

// Takes from the memory for all responses what this one has grown to.
class Charge {
 public:
  Charge(Service& service, Call& call) : service_(service), share_(call.result_share) { share_ = Share(service.results()); }
  void operator()(const std::string& out) {
    if (out.capacity() <= charged_) return;
    charged_ = out.capacity();
    if (charged_ > service_.results().limit())
      fail_validation("the response would take more than the limit of " + std::to_string(service_.results().limit() >> 20) + " MB: send fewer inputs at once");
    if (!share_.grow_to(charged_)) throw Failure(FailureKind::overloaded, "Model is overloaded", "overloaded", 1);
  }

 private:
  Service& service_;
  Share& share_;
  std::size_t charged_ = 0;
};

void append_tokens(std::string& out, const Encoding& encoding, std::string_view text, Charge& charge) {
  const std::vector<std::size_t> bytes = byte_offsets(text);
  out += '[';
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    if (i > 0) out += ',';
    charge(out);
    const bool special = encoding.special_mask()[i] != 0;
    const auto [begin, end] = encoding.offsets(i);
    out.append("{\"id\":").append(std::to_string(encoding.ids()[i])).append(",\"text\":");
    const std::size_t from = bytes.at(begin), to = bytes.at(end);
    base::append_string(out, special ? encoding.token(i) : text.substr(from, to - from));
    out.append(",\"special\":").append(special ? "true" : "false").append(",\"start\":");
    out.append(special ? "null" : std::to_string(from)).append(",\"stop\":").append(special ? "null" : std::to_string(to)).append("}");
  }
  out += ']';
}

}  // namespace

void handle_tokenize(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  const base::Json& value = fields.required("inputs");
  std::vector<std::string> texts;
  if (value.is_string()) {
    texts.push_back(value.get<std::string>());
  } else {
    texts = fields.strings("inputs");
  }
  TokenizeOptions options;
  options.add_special_tokens = fields.boolean("add_special_tokens", true);
  const ModelPointer model = service.model(fields);
  std::string prompt;
  if (const auto name = fields.maybe_string("prompt_name")) {
    const auto found = model->prompts.find(*name);
    if (found == model->prompts.end()) fail_validation("`prompt_name`: the model has no prompt `" + *name + "`");
    prompt = found->second;
  }
  if (texts.empty()) throw Failure(FailureKind::empty, "Input validation error: `inputs` cannot be empty", "validation");
  if (texts.size() > service.options().max_client_batch)
    throw Failure(FailureKind::validation,
                  "Input validation error: batch size " + std::to_string(texts.size()) + " > maximum allowed batch size " +
                      std::to_string(service.options().max_client_batch),
                  "batch_size");
  std::string out;
  Charge charge(service, *call);
  append_list(out, texts, [&](const std::string& text) {
    if (text.empty()) throw Failure(FailureKind::empty, "Input validation error: `inputs` cannot be empty", "validation");
    if (text.size() > kMostText)
      fail_validation("`inputs` must have at most " + std::to_string(kMostText) + " bytes a text. Given: " + std::to_string(text.size()));
    const std::string prompted = prompt + text;
    append_tokens(out, tokenizer_of(*model).tokenize(Input(prompted), options), prompted, charge);
  });
  service.answer(call, ErrorStyle::tei, [&] { return json_response(std::move(out)); });
}

void handle_decode(Service& service, const CallPointer& call) {
  const Body body = service.read(*call);
  const Fields fields(body.json());
  const auto lists = read_id_lists(fields, "ids");
  const bool skip = fields.boolean("skip_special_tokens", true);
  const ModelPointer model = service.model(fields);
  if (lists.size() == 1 && lists[0].empty()) throw Failure(FailureKind::empty, "Input validation error: `ids` cannot be empty", "validation");
  std::string out;
  Charge charge(service, *call);
  append_list(out, lists, [&](const std::vector<std::int32_t>& ids) {
    base::append_string(out, tokenizer_of(*model).decode(ids, skip));
    charge(out);
  });
  service.answer(call, ErrorStyle::tei, [&] { return json_response(std::move(out)); });
}

}  // namespace berth::server
