/* The ABI in numbers: sizes of structs and places of fields, as programs were compiled with them. A line may be added; one that has to be changed is a
 * broken ABI (docs/stability.md). Where a struct with a `size` grew, SIZE is that of now. */
#include <berth/berth.h>

#include <stddef.h>
#include <stdio.h>

static int failures = 0;

static void check(const char* what, size_t got, size_t expected) {
  if (got == expected) return;
  fprintf(stderr, "%s: %lu, and it was %lu\n", what, (unsigned long)got, (unsigned long)expected);
  ++failures;
}

#define SIZE(type, bytes) check("size of " #type, sizeof(type), bytes)
#define FIELD(type, field, bytes) check("offset of " #type "." #field, offsetof(type, field), bytes)

static void test_structs(void) {
  SIZE(berth_string, 16);
  FIELD(berth_string, data, 0);
  FIELD(berth_string, size, 8);
  SIZE(berth_input, 56);
  FIELD(berth_input, text, 0);
  FIELD(berth_input, text_pair, 16);
  FIELD(berth_input, ids, 32);
  FIELD(berth_input, type_ids, 40);
  FIELD(berth_input, ids_size, 48);
  SIZE(berth_row, 12);
  FIELD(berth_row, tokens, 0);
  FIELD(berth_row, truncated, 4);
  FIELD(berth_row, windows, 8);
  SIZE(berth_model_options, 40);
  FIELD(berth_model_options, size, 0);
  FIELD(berth_model_options, threads, 8);
  FIELD(berth_model_options, no_mmap, 12);
  FIELD(berth_model_options, precision, 16);
  FIELD(berth_model_options, isa, 24);
  FIELD(berth_model_options, adapter, 32);
  SIZE(berth_run_options, 96);
  FIELD(berth_run_options, size, 0);
  FIELD(berth_run_options, max_length, 8);
  FIELD(berth_run_options, batch_tokens, 16);
  FIELD(berth_run_options, raw_scores, 24);
  FIELD(berth_run_options, normalize, 28);
  FIELD(berth_run_options, truncate_dim, 32);
  FIELD(berth_run_options, long_text, 40);
  FIELD(berth_run_options, stride, 48);
  FIELD(berth_run_options, window_scores, 56);
  FIELD(berth_run_options, prompt_name, 64);
  FIELD(berth_run_options, prompt, 72);
  FIELD(berth_run_options, query, 88);
  SIZE(berth_vector_options, 96);
  FIELD(berth_vector_options, size, 0);
  FIELD(berth_vector_options, max_length, 8);
  FIELD(berth_vector_options, batch_tokens, 16);
  FIELD(berth_vector_options, kinds, 24);
  FIELD(berth_vector_options, normalize, 28);
  FIELD(berth_vector_options, truncate_dim, 32);
  FIELD(berth_vector_options, max_active_dims, 40);
  FIELD(berth_vector_options, query, 48);
  FIELD(berth_vector_options, long_text, 56);
  FIELD(berth_vector_options, stride, 64);
  FIELD(berth_vector_options, prompt_name, 72);
  FIELD(berth_vector_options, prompt, 80);
  SIZE(berth_sparse_value, 8);
  FIELD(berth_sparse_value, index, 0);
  FIELD(berth_sparse_value, value, 4);
  SIZE(berth_finding, 80);
  FIELD(berth_finding, label, 0);
  FIELD(berth_finding, text, 16);
  FIELD(berth_finding, score, 32);
  FIELD(berth_finding, first_token, 36);
  FIELD(berth_finding, last_token, 40);
  FIELD(berth_finding, has_offsets, 44);
  FIELD(berth_finding, begin, 48);
  FIELD(berth_finding, end, 52);
  FIELD(berth_finding, id, 56);
  FIELD(berth_finding, sequence, 64);
  SIZE(berth_tag_options, 72);
  FIELD(berth_tag_options, size, 0);
  FIELD(berth_tag_options, max_length, 8);
  FIELD(berth_tag_options, batch_tokens, 16);
  FIELD(berth_tag_options, raw_scores, 24);
  FIELD(berth_tag_options, aggregation, 32);
  FIELD(berth_tag_options, stride, 40);
  FIELD(berth_tag_options, ignore_labels, 48);
  FIELD(berth_tag_options, ignore_labels_size, 56);
  FIELD(berth_tag_options, long_text, 64);
  SIZE(berth_fill_mask_options, 72);
  FIELD(berth_fill_mask_options, size, 0);
  FIELD(berth_fill_mask_options, max_length, 8);
  FIELD(berth_fill_mask_options, batch_tokens, 16);
  FIELD(berth_fill_mask_options, raw_scores, 24);
  FIELD(berth_fill_mask_options, top_k, 32);
  FIELD(berth_fill_mask_options, targets, 40);
  FIELD(berth_fill_mask_options, targets_size, 48);
  FIELD(berth_fill_mask_options, mask_id, 56);
  FIELD(berth_fill_mask_options, long_text, 64);
  SIZE(berth_answer_options, 64);
  FIELD(berth_answer_options, size, 0);
  FIELD(berth_answer_options, max_length, 8);
  FIELD(berth_answer_options, batch_tokens, 16);
  FIELD(berth_answer_options, raw_scores, 24);
  FIELD(berth_answer_options, stride, 32);
  FIELD(berth_answer_options, top_k, 40);
  FIELD(berth_answer_options, max_answer_tokens, 48);
  FIELD(berth_answer_options, impossible, 56);
  SIZE(berth_zero_shot_options, 48);
  FIELD(berth_zero_shot_options, size, 0);
  FIELD(berth_zero_shot_options, max_length, 8);
  FIELD(berth_zero_shot_options, batch_tokens, 16);
  FIELD(berth_zero_shot_options, hypothesis_template, 24);
  FIELD(berth_zero_shot_options, multi_label, 32);
  FIELD(berth_zero_shot_options, long_text, 40);
  SIZE(berth_classifier_options, 72);
  FIELD(berth_classifier_options, size, 0);
  FIELD(berth_classifier_options, model, 8);
  FIELD(berth_classifier_options, threads, 16);
  FIELD(berth_classifier_options, no_mmap, 20);
  FIELD(berth_classifier_options, precision, 24);
  FIELD(berth_classifier_options, isa, 32);
  FIELD(berth_classifier_options, batch_tokens, 40);
  FIELD(berth_classifier_options, no_cache, 48);
  FIELD(berth_classifier_options, rules_only, 52);
  FIELD(berth_classifier_options, combine, 56);
  FIELD(berth_classifier_options, k, 64);
  SIZE(berth_decision, 104);
  FIELD(berth_decision, label, 0);
  FIELD(berth_decision, nearest, 16);
  FIELD(berth_decision, nearest_label, 32);
  FIELD(berth_decision, rule, 48);
  FIELD(berth_decision, rule_match, 64);
  FIELD(berth_decision, score, 80);
  FIELD(berth_decision, margin, 84);
  FIELD(berth_decision, similarity, 88);
  FIELD(berth_decision, has_score, 92);
  FIELD(berth_decision, decided_by, 96);
  FIELD(berth_decision, model, 100);
  SIZE(berth_tokenize_options, 24);
  FIELD(berth_tokenize_options, size, 0);
  FIELD(berth_tokenize_options, max_length, 8);
  FIELD(berth_tokenize_options, no_special_tokens, 16);
  FIELD(berth_tokenize_options, truncate_left, 20);
}

static void test_enumerations(void) {
  check("BERTH_INTERNAL", BERTH_INTERNAL, 8);
  check("BERTH_NON_FINITE", BERTH_NON_FINITE, 6);
  check("BERTH_MULTI", BERTH_MULTI, 4);
  check("BERTH_UBINARY", BERTH_UBINARY, 4);
  check("BERTH_BY_DEFAULT", BERTH_BY_DEFAULT, 3);
  check("size of berth_decided_by", sizeof(berth_decided_by), 4);
  check("size of berth_status", sizeof(berth_status), 4);
  check("size of berth_output_type", sizeof(berth_output_type), 4);
}

int main(void) {
  test_structs();
  test_enumerations();
  return failures == 0 ? 0 : 1;
}
