#include "engine/tasks/fill_mask.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.hpp"
#include "engine/inputs.hpp"
#include "engine/tasks/windows.hpp"

namespace berth::engine {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::size_t kLogitsAtATime = std::size_t{1} << 22;  // values in memory at once, where a row does not have more

std::int32_t mask_of(const Model& model, const FillMaskOptions& options) {
  if (options.mask_id) {
    if (*options.mask_id < 0 || static_cast<std::size_t>(*options.mask_id) >= model.config().vocab_size)
      throw Error(ErrorCode::invalid_argument,
                  "mask_id is " + std::to_string(*options.mask_id) + ", expected 0 to " + std::to_string(model.config().vocab_size - 1));
    return *options.mask_id;
  }
  if (model.tokenizer() == nullptr)
    throw Error(ErrorCode::invalid_argument, "the model's directory has no tokenizer files: mask_id must say which id is the mask's");
  const auto id = model.tokenizer()->mask_id();
  if (!id) throw Error(ErrorCode::unsupported, "the tokenizer names no mask token; mask_id may say which id is the mask's");
  return *id;
}

std::vector<std::int32_t> targets_of(const Model& model, const FillMaskOptions& options) {
  std::vector<std::int32_t> ids;
  if (options.targets.empty()) return ids;
  if (model.tokenizer() == nullptr) throw Error(ErrorCode::invalid_argument, "targets: the model's directory has no tokenizer files to look words up in");
  for (const std::string& target : options.targets) {
    std::optional<std::int32_t> id = model.tokenizer()->id(target);
    if (!id) {
      const tokenizer::Encoding encoding = model.tokenizer()->encode(target, {.add_special_tokens = false, .truncation = {}});
      if (encoding.ids.empty()) throw Error(ErrorCode::invalid_argument, "targets: " + base::quoted(target) + " has no tokens");
      id = encoding.ids.front();
    }
    if (std::find(ids.begin(), ids.end(), *id) == ids.end()) ids.push_back(*id);
  }
  return ids;
}

std::size_t masks_of(const Window& window, std::int32_t mask) {
  return static_cast<std::size_t>(std::count(window.encoding.ids.begin(), window.encoding.ids.end(), mask));
}

Error no_mask(const Model& model, const Window& window, std::int32_t mask, std::size_t index) {
  std::string name = "id " + std::to_string(mask);
  if (model.tokenizer() != nullptr) name = std::string(model.tokenizer()->token(mask)) + ", " + name;
  return {ErrorCode::invalid_argument,
          input_name(index) + ": has no mask token (" + name + ")" + (window.encoding.truncated ? " within the tokens that are left after cutting" : "")};
}

// The chosen ids, best first; the lower id first among equals.
std::vector<std::int32_t> best(std::span<const float> logits, std::span<const std::int32_t> targets, std::size_t top_k) {
  std::vector<std::int32_t> ids(targets.begin(), targets.end());
  if (ids.empty()) {
    ids.resize(logits.size());
    std::iota(ids.begin(), ids.end(), 0);
  }
  const std::size_t kept = top_k == 0 ? ids.size() : std::min(top_k, ids.size());
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(kept), ids.end(), [&](std::int32_t a, std::int32_t b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  });
  ids.resize(kept);
  return ids;
}

struct Normaliser {
  double largest = 0, sum = 0;
  explicit Normaliser(std::span<const float> logits) : largest(static_cast<double>(*std::max_element(logits.begin(), logits.end()))) {
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  }
  float probability(float logit) const { return static_cast<float>(std::exp(static_cast<double>(logit) - largest) / sum); }
};

// The best tokens of the mask at `place`.
void add_tokens(const Model& model, const Window& window, std::size_t place, bool only_mask, std::span<const float> logits,
                std::span<const std::int32_t> targets, const FillMaskOptions& options, std::vector<Finding>& items) {
  const tokenizer::Tokenizer* tokenizer = model.tokenizer();
  const Normaliser softmax(logits);
  std::vector<std::int32_t> ids = window.encoding.ids;
  for (const std::int32_t id : best(logits, targets, options.top_k)) {
    const float logit = logits[static_cast<std::size_t>(id)];
    Finding finding;
    finding.score = options.raw ? logit : softmax.probability(logit);
    finding.id = id;
    finding.first_token = finding.last_token = static_cast<std::uint32_t>(place);
    if (window.tokenized) finding.span = window.encoding.offsets[place];
    if (tokenizer != nullptr) {
      ids[place] = id;
      finding.text = tokenizer->clean_up(tokenizer->decode(std::span<const std::int32_t>(&id, 1), false));
      std::vector<std::int32_t> shown = ids;
      std::erase(shown, tokenizer->pad_id().value_or(-1));
      finding.sequence = tokenizer->clean_up(tokenizer->decode(shown, only_mask));  // with other masks left, they should be seen
    }
    items.push_back(std::move(finding));
  }
}

}  // namespace

void fill_mask(const Model& model, std::span<const berth_input> inputs, const FillMaskOptions& options, Findings& out, berth_row* rows) {
  if (model.config().head.kind != HeadKind::masked_lm)
    throw Error(ErrorCode::unsupported, "the model has no masked-language-model head: its task is " + std::string(task_name(model.config().head.kind)));
  if (options.run.long_text == LongText::window)
    throw Error(ErrorCode::invalid_argument, "long_text: windows are not there for fill-mask: expected truncate or error");
  const std::int32_t mask = mask_of(model, options);
  const std::vector<std::int32_t> targets = targets_of(model, options);
  const std::size_t vocabulary = model.config().vocab_size;
  const bool all_logits = options.raw && options.top_k == 0;
  out.logits_size = vocabulary;
  for (std::size_t first = 0; first < inputs.size(); first += kTaskRowsAtATime) {
    const auto part = inputs.subspan(first, std::min(kTaskRowsAtATime, inputs.size() - first));
    const std::vector<Window> windows =
        windows_of(model, part, first, {.max_length = options.run.max_length, .long_text = options.run.long_text}, rows == nullptr ? nullptr : rows + first);
    for (std::size_t begin = 0; begin < windows.size();) {
      std::size_t end = begin, masks = 0;
      for (; end < windows.size(); ++end) {
        const std::size_t more = masks_of(windows[end], mask);
        if (more == 0) throw no_mask(model, windows[end], mask, first + end);
        if (end > begin && (masks + more) * vocabulary > kLogitsAtATime) break;
        masks += more;
      }
      MaskedLogits logits;
      const auto group = std::span<const Window>(windows).subspan(begin, end - begin);
      model.masked_logits(rows_of(group), {.max_length = 0, .batch_tokens = options.run.batch_tokens}, mask, logits, nullptr);
      std::size_t next = 0;
      for (const Window& window : group) {
        const std::size_t count = masks_of(window, mask);
        for (std::size_t i = 0; i < count; ++i, ++next) {
          const auto values = std::span<const float>(logits.values).subspan(next * vocabulary, vocabulary);
          if (all_logits) {
            out.logits.insert(out.logits.end(), values.begin(), values.end());
          } else {
            add_tokens(model, window, logits.places[next].token, count == 1, values, targets, options, out.items);
          }
        }
        out.first_item.push_back(out.items.size());
        out.first_logits.push_back(out.logits.size() / vocabulary);
      }
      begin = end;
    }
  }
}

}  // namespace berth::engine
