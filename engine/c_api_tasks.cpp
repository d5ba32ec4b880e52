// The tasks of include/berth/berth.h.
#include <utility>
#include <vector>

#include "engine/c_api_support.hpp"
#include "engine/inputs.hpp"
#include "engine/tasks/answer.hpp"
#include "engine/tasks/fill_mask.hpp"
#include "engine/tasks/findings.hpp"
#include "engine/tasks/tag.hpp"
#include "engine/tasks/zero_shot.hpp"

using namespace berth::engine::c_api;  // NOLINT: they were made for this file

struct berth_findings : HandleOf<HandleKind::findings> {
  berth::engine::Findings findings;
  std::vector<berth_finding> items;  // view into `findings`
};

namespace {

berth_string view(const std::optional<std::string>& text) { return text ? berth_string{text->data(), text->size()} : berth_string{nullptr, 0}; }

std::vector<std::string> strings_of(const berth_string* strings, std::size_t count, const char* field) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < count; ++i) result.emplace_back(berth::engine::checked_text(strings[i], field));
  return result;
}

std::unique_ptr<berth_findings> handle_of(berth::engine::Findings findings) {
  auto handle = std::make_unique<berth_findings>();
  handle->findings = std::move(findings);
  for (const berth::engine::Finding& finding : handle->findings.items) {
    berth_finding item{};
    if (!finding.label.empty()) item.label = {finding.label.data(), finding.label.size()};
    item.text = view(finding.text);
    item.sequence = view(finding.sequence);
    item.id = finding.id;
    item.score = finding.score;
    item.first_token = finding.first_token;
    item.last_token = finding.last_token;
    if (finding.span) {
      item.has_offsets = 1;
      item.begin = finding.span->first;
      item.end = finding.span->second;
    }
    handle->items.push_back(item);
  }
  return handle;
}

}  // namespace

extern "C" {

const berth_finding* berth_findings_row(const berth_findings* findings, size_t index, size_t* count) {
  if (count != nullptr) *count = 0;
  if (!alive(findings) || index >= findings->findings.first_item.size() || index + 1 == findings->findings.first_item.size()) return nullptr;
  const auto& first = findings->findings.first_item;
  if (count != nullptr) *count = first[index + 1] - first[index];
  return findings->items.data() + first[index];
}

const float* berth_findings_logits(const berth_findings* findings, size_t index, size_t* vectors, size_t* size) {
  if (vectors != nullptr) *vectors = 0;
  if (size != nullptr) *size = 0;
  if (!alive(findings)) return nullptr;
  if (size != nullptr) *size = findings->findings.logits_size;
  if (index >= findings->findings.first_logits.size() || index + 1 == findings->findings.first_logits.size()) return nullptr;
  const auto& first = findings->findings.first_logits;
  if (vectors != nullptr) *vectors = first[index + 1] - first[index];
  return findings->findings.logits.data() + first[index] * findings->findings.logits_size;
}

berth_status berth_findings_free(berth_findings* findings) { return release(findings); }

berth_status berth_rerank(const berth_model* model, const berth_input* inputs, size_t count, const berth_run_options* options, float* scores, berth_row* rows) {
  return guarded(model, [&] {
    const auto checked = checked_inputs(model, inputs, count);
    require(scores != nullptr || count == 0, "scores is NULL");
    const berth_run_options given = read_options(options, "berth_run_options");
    model->model->rerank(checked, run_options(given), given.raw_scores != 0, scores, rows);
  });
}

berth_status berth_tag(const berth_model* model, const berth_input* inputs, size_t count, const berth_tag_options* options, berth_findings** findings,
                       berth_row* rows) {
  return guarded(model, [&] {
    const auto checked = checked_inputs(model, inputs, count);
    require(findings != nullptr, "findings is NULL");
    const berth_tag_options given = read_options(options, "berth_tag_options");
    berth::engine::TagOptions tag;
    tag.run = {.max_length = given.max_length, .batch_tokens = given.batch_tokens};
    if (given.aggregation != nullptr) tag.aggregation = berth::engine::aggregation_by_name(given.aggregation);
    read_long_text(given.long_text, given.stride, tag.run);
    tag.logits = given.raw_scores != 0;
    if (given.ignore_labels != nullptr) tag.ignore_labels = strings_of(given.ignore_labels, given.ignore_labels_size, "ignore_labels");
    berth::engine::Findings found;
    berth::engine::tag(*model->model, checked, tag, found, rows);
    *findings = handle_of(std::move(found)).release();
  });
}

berth_status berth_fill_mask(const berth_model* model, const berth_input* inputs, size_t count, const berth_fill_mask_options* options,
                             berth_findings** findings, berth_row* rows) {
  return guarded(model, [&] {
    const auto checked = checked_inputs(model, inputs, count);
    require(findings != nullptr, "findings is NULL");
    const berth_fill_mask_options given = read_options(options, "berth_fill_mask_options");
    require(given.top_k >= -1, "top_k: expected -1 (all), 0 (the default) or more");
    berth::engine::FillMaskOptions fill;
    fill.run = {.max_length = given.max_length, .batch_tokens = given.batch_tokens};
    read_long_text(given.long_text, 0, fill.run);
    if (given.top_k != 0) fill.top_k = given.top_k < 0 ? 0 : static_cast<std::size_t>(given.top_k);
    if (given.targets != nullptr) fill.targets = strings_of(given.targets, given.targets_size, "targets");
    if (given.mask_id != nullptr) fill.mask_id = *given.mask_id;
    fill.raw = given.raw_scores != 0;
    berth::engine::Findings found;
    berth::engine::fill_mask(*model->model, checked, fill, found, rows);
    *findings = handle_of(std::move(found)).release();
  });
}

berth_status berth_answer(const berth_model* model, const berth_input* inputs, size_t count, const berth_answer_options* options, berth_findings** findings,
                          berth_row* rows) {
  return guarded(model, [&] {
    const auto checked = checked_inputs(model, inputs, count);
    require(findings != nullptr, "findings is NULL");
    const berth_answer_options given = read_options(options, "berth_answer_options");
    berth::engine::AnswerOptions answer;
    answer.run = {.max_length = given.max_length, .batch_tokens = given.batch_tokens};
    answer.run.stride = given.stride;
    if (given.top_k > 0) answer.top_k = given.top_k;
    if (given.max_answer_tokens > 0) answer.max_answer_tokens = given.max_answer_tokens;
    answer.impossible = given.impossible != 0;
    answer.logits = given.raw_scores != 0;
    berth::engine::Findings found;
    berth::engine::answer(*model->model, checked, answer, found, rows);
    *findings = handle_of(std::move(found)).release();
  });
}

berth_status berth_zero_shot(const berth_model* model, const berth_input* inputs, size_t count, const berth_string* labels, size_t labels_size,
                             const berth_zero_shot_options* options, float* scores, berth_row* rows) {
  return guarded(model, [&] {
    const auto checked = checked_inputs(model, inputs, count);
    require(labels != nullptr || labels_size == 0, "labels is NULL");
    require(scores != nullptr || count * labels_size == 0, "scores is NULL");
    const berth_zero_shot_options given = read_options(options, "berth_zero_shot_options");
    berth::engine::ZeroShotOptions how;
    how.run = {.max_length = given.max_length, .batch_tokens = given.batch_tokens};
    read_long_text(given.long_text, 0, how.run);
    if (given.hypothesis_template != nullptr) {
      const std::string_view pattern = given.hypothesis_template;
      how.hypothesis_template = berth::engine::checked_text({pattern.data(), pattern.size()}, "hypothesis_template");
    }
    how.multi_label = given.multi_label != 0;
    berth::engine::zero_shot(*model->model, checked, strings_of(labels, labels_size, "labels"), how, scores, rows);
  });
}

}  // extern "C"
