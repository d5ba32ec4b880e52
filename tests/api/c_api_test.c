/* Every function of berth.h, from C99, on the small models of tests/reference. What the numbers should be is the business of tests/engine; here
 * functions must agree with each other. usage: c_api_test REPOSITORY */
#include "tests/api/check.h"

#include <math.h>
#include <stdlib.h>

static void test_process(void) {
  const char* json = NULL;
  CHECK(strlen(berth_version()) >= 5);
  CHECK(berth_system_info(&json) == BERTH_OK);
  CHECK(json != NULL && strstr(json, "\"isas\"") != NULL);
}

static void test_load_errors(void) {
  berth_model* model = NULL;
  berth_tokenizer* tokenizer = NULL;
  CHECK(berth_model_load("no/such/directory", NULL, &model) == BERTH_NOT_FOUND && model == NULL);
  CHECK_MESSAGE("no/such/directory");
  CHECK(berth_tokenizer_load("no/such/directory", &tokenizer) == BERTH_NOT_FOUND && tokenizer == NULL);
  CHECK_MESSAGE("no/such/directory");
}

static void test_encode(const char* repository) {
  berth_model* model = load(repository, "tests/reference/st-mean-normalize");
  const size_t size = berth_model_embedding_size(model), hidden = berth_model_hidden_size(model);
  const berth_input inputs[2] = {text_input("the quick brown fox", NULL), text_input("a lazy dog, and some more words", NULL)};
  float* embeddings = malloc(4 * size * sizeof(float));
  float* again = embeddings + 2 * size;
  berth_row rows[2];
  berth_token_embeddings* tokens = NULL;
  berth_run_options options;
  size_t count = 0, i;
  double length = 0;
  CHECK(size > 0 && hidden > 0 && berth_model_vocab_size(model) > 0 && berth_model_max_length(model) > 2 && berth_model_num_labels(model) == 0);
  CHECK(berth_model_label(model, 0) == NULL && strstr(berth_model_info(model), "\"model_type\"") != NULL);

  CHECK(berth_encode(model, inputs, 2, NULL, embeddings, rows) == BERTH_OK);
  for (i = 0; i < size; ++i) length += (double)embeddings[i] * (double)embeddings[i];
  CHECK(fabs(length - 1) < 1e-4);
  CHECK(rows[0].tokens > 2 && rows[1].tokens > rows[0].tokens && rows[0].truncated == 0);
  CHECK(berth_encode_tokens(model, inputs, 2, NULL, again, NULL, &tokens) == BERTH_OK);
  CHECK(memcmp(embeddings, again, 2 * size * sizeof(float)) == 0);
  CHECK(berth_token_embeddings_row(tokens, 1, &count) != NULL && count == rows[1].tokens);
  CHECK(berth_token_embeddings_row(tokens, 2, &count) == NULL && count == 0);
  CHECK(berth_token_embeddings_row(tokens, (size_t)-1, NULL) == NULL);
  CHECK(berth_token_embeddings_free(tokens) == BERTH_OK);

  {
    const berth_span spans[3] = {{0, 3}, {0, 1}, {1, 3}};
    const size_t counts[2] = {1, 2};
    uint32_t in_chunk[3];
    float* chunks = malloc(3 * size * sizeof(float));
    CHECK(berth_encode_chunks(model, inputs, 2, spans, counts, NULL, chunks, in_chunk, rows) == BERTH_OK);
    CHECK(in_chunk[0] > 0 && rows[1].tokens > rows[0].tokens);
    CHECK(berth_encode_chunks(model, inputs, 2, NULL, counts, NULL, chunks, in_chunk, rows) == BERTH_INVALID_ARGUMENT);
    CHECK(berth_encode_chunks(model, inputs, 2, spans, NULL, NULL, chunks, in_chunk, rows) == BERTH_INVALID_ARGUMENT);
    CHECK(berth_encode_chunks(model, inputs, 2, spans, counts, NULL, NULL, in_chunk, rows) == BERTH_INVALID_ARGUMENT);
    CHECK(berth_encode_chunks(model, inputs, 1, spans, counts, NULL, chunks, NULL, NULL) == BERTH_OK);
    free(chunks);
  }

  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.max_length = 4;
  options.truncate_dim = 3;
  CHECK(berth_embedding_size(model, &options, &count) == BERTH_OK && count == 3);
  CHECK(berth_encode(model, inputs, 2, &options, again, rows) == BERTH_OK);
  CHECK(rows[1].tokens == 4 && rows[1].truncated == 1);
  CHECK(berth_model_free(model) == BERTH_OK);
  free(embeddings);
}

static void test_classify(const char* repository) {
  berth_model* model = load(repository, "tests/reference/bert-seqcls");
  const size_t labels = berth_model_num_labels(model);
  const berth_input input = text_input("the quick brown fox", NULL);
  float scores[64], raw[64];
  berth_run_options options;
  double sum = 0;
  size_t i;
  CHECK(labels > 1 && labels <= 64 && berth_model_label(model, 0) != NULL && berth_model_label(model, labels) == NULL);
  CHECK(berth_classify(model, &input, 1, NULL, scores, NULL) == BERTH_OK);
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.raw_scores = 1;
  CHECK(berth_classify(model, &input, 1, &options, raw, NULL) == BERTH_OK);
  for (i = 0; i < labels; ++i) sum += (double)scores[i];
  CHECK(fabs(sum - 1) < 1e-5 && memcmp(scores, raw, labels * sizeof(float)) != 0);
  CHECK(fabs(log((double)(scores[0] / scores[1])) - (double)(raw[0] - raw[1])) < 1e-3);
  CHECK(berth_model_free(model) == BERTH_OK);
}

static void test_pairs(const char* repository) {
  berth_model* model = load(repository, "tests/reference/bert-crossencoder");
  const berth_input inputs[2] = {text_input("who barks?", "the dog"), text_input("who barks?", "a quick brown fox")};
  float scores[2], zero_shot[2];
  const berth_input text = text_input("the quick brown fox barks", NULL);
  const berth_string labels[2] = {{"animals", 7}, {"weather", 7}};
  CHECK(berth_rerank(model, inputs, 2, NULL, scores, NULL) == BERTH_OK && scores[0] > 0 && scores[0] < 1);
  CHECK(berth_model_free(model) == BERTH_OK);

  model = load(repository, "tests/reference/bert-nli");
  CHECK(berth_zero_shot(model, &text, 1, labels, 2, NULL, zero_shot, NULL) == BERTH_OK);
  CHECK(fabs((double)(zero_shot[0] + zero_shot[1]) - 1) < 1e-5);
  CHECK(berth_model_free(model) == BERTH_OK);
}

static void test_tag(const char* repository) {
  berth_model* model = load(repository, "tests/reference/bert-tokencls");
  const berth_input input = text_input("the quick brown fox jumps over the lazy dog", NULL);
  berth_findings* findings = NULL;
  berth_tag_options options;
  const berth_finding* found;
  berth_string nothing = {NULL, 0};
  size_t count = 0, vectors = 0, size = 0, i;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.raw_scores = 1;
  options.ignore_labels = &nothing; /* none are left out */
  CHECK(berth_tag(model, &input, 1, &options, &findings, NULL) == BERTH_OK);
  found = berth_findings_row(findings, 0, &count);
  CHECK(found != NULL && count >= 9);
  for (i = 0; i < count; ++i) CHECK(found[i].label.size > 0 && found[i].text.size > 0 && found[i].has_offsets == 1 && found[i].begin < found[i].end);
  CHECK(berth_findings_logits(findings, 0, &vectors, &size) != NULL && size == berth_model_num_labels(model) && vectors == count + 2);
  CHECK(berth_findings_row(findings, 1, &count) == NULL && count == 0 && berth_findings_row(findings, (size_t)-1, NULL) == NULL);
  CHECK(berth_model_free(model) == BERTH_OK);
  CHECK(strncmp(found[0].text.data, "the", 3) == 0); /* findings outlive the model */
  CHECK(berth_findings_free(findings) == BERTH_OK);
}

/* These two reference models have no tokenizer: rows of ids. */
static void test_ids(const char* repository) {
  static const int32_t ids[7] = {2, 10, 4, 11, 3, 12, 3}, type_ids[7] = {0, 0, 0, 0, 0, 1, 1};
  const int32_t mask = 4;
  berth_model* model = load(repository, "tests/reference/bert-mlm");
  berth_findings* findings = NULL;
  berth_vectors* vectors = NULL;
  berth_fill_mask_options fill;
  berth_vector_options kinds;
  berth_input input;
  size_t count = 0, i;
  const berth_sparse_value* sparse;
  memset(&input, 0, sizeof input);
  input.ids = ids;
  input.type_ids = type_ids;
  input.ids_size = 7;
  memset(&fill, 0, sizeof fill);
  fill.size = sizeof fill;
  fill.mask_id = &mask;
  fill.top_k = 3;
  CHECK(berth_model_tokenizer(model) == NULL);
  CHECK(berth_fill_mask(model, &input, 1, &fill, &findings, NULL) == BERTH_OK);
  CHECK(berth_findings_row(findings, 0, &count) != NULL && count == 3);
  CHECK(berth_findings_free(findings) == BERTH_OK);

  CHECK((berth_model_vector_kinds(model) & BERTH_DENSE) != 0 && berth_model_default_vector_kind(model) != 0);
  memset(&kinds, 0, sizeof kinds);
  kinds.size = sizeof kinds;
  kinds.kinds = berth_model_vector_kinds(model);
  CHECK(berth_encode_vectors(model, &input, 1, &kinds, &vectors, NULL) == BERTH_OK);
  CHECK(berth_vectors_dense(vectors, 0, &count) != NULL && count == berth_model_embedding_size(model));
  sparse = berth_vectors_sparse(vectors, 0, &count);
  CHECK((sparse != NULL) == ((kinds.kinds & BERTH_SPARSE) != 0));
  for (i = 0; i < count; ++i) CHECK(sparse[i].value > 0 && sparse[i].index < berth_model_vocab_size(model));
  CHECK(berth_vectors_multi(vectors, 0, &count, &i) == NULL || (kinds.kinds & BERTH_MULTI) != 0);
  CHECK(berth_vectors_free(vectors) == BERTH_OK);
  CHECK(berth_model_free(model) == BERTH_OK);

  model = load(repository, "tests/reference/bert-qa");
  findings = NULL;
  CHECK(berth_answer(model, &input, 1, NULL, &findings, NULL) == BERTH_OK);
  CHECK(berth_findings_row(findings, 0, &count) != NULL && count == 1);
  CHECK(berth_findings_free(findings) == BERTH_OK && berth_model_free(model) == BERTH_OK);
}

static void test_late_interaction(const char* repository) {
  const float query[4] = {1, 0, 0, 1}, document[6] = {1, 0, 0.5f, 0.5f, -1, 0}, large[2] = {3e38f, 3e38f};
  const float bad_values[3] = {NAN, INFINITY, -INFINITY};
  size_t i;
  berth_model* model = load(repository, "tests/reference/bert");
  const berth_input input = text_input("the quick brown fox", NULL);
  float score = 0;
  CHECK(berth_max_similarity(model, query, 2, document, 3, 2, &score) == BERTH_OK && score == 1.5f);
  for (i = 0; i < 3; ++i) {
    float bad[6] = {1, 2, 3, 4, 5, 6};
    bad[3] = bad_values[i];
    CHECK(berth_max_similarity(model, bad, 3, document, 3, 2, &score) == BERTH_NON_FINITE);
    CHECK_MESSAGE("query: value 3");
    CHECK(berth_max_similarity(model, query, 2, bad, 3, 2, &score) == BERTH_NON_FINITE);
    CHECK_MESSAGE("document: value 3");
  }
  CHECK(berth_max_similarity(model, large, 1, large, 1, 2, &score) == BERTH_NON_FINITE); /* each is finite, their product is not */
  CHECK_MESSAGE("score");
  CHECK(berth_rerank_late(model, &input, &input, 1, NULL, &score, NULL) == BERTH_UNSUPPORTED);
  CHECK(berth_model_free(model) == BERTH_OK);
}

/* A profile over a reference model whose tokenizer knows these words; its file of embeddings is made beside it, in the working directory. */
static void test_classifier(const char* repository) {
  static const char* kName = "c_api_test_profile.json";
  const berth_input inputs[3] = {text_input("the quick brown fox", NULL), text_input("please HELP me", NULL), text_input("a lazy dog", NULL)};
  const float thresholds[2] = {0.0f, -1.0f}; /* animals, help */
  const float* scores;
  const berth_decision* decision;
  berth_classifier* classifier = NULL;
  berth_decisions *decisions = NULL, *again = NULL;
  berth_classifier_options options;
  berth_row rows[3];
  size_t labels = 0;
  FILE* file = fopen(kName, "w");
  CHECK(file != NULL);
  fprintf(file,
          "{\"model\":\"%s/tests/reference/st-mean-normalize\",\"labels\":{\"animals\":{\"examples\":[\"the quick brown fox\"],\"threshold\":0.99},"
          "\"help\":{\"examples\":[],\"priority\":5}},\"rules\":[{\"name\":\"asks\",\"action\":\"raise\",\"label\":\"help\",\"phrases\":[\"help me\"]}]}",
          repository);
  fclose(file);
  CHECK(berth_profile_check(kName) == BERTH_OK);
  CHECK(berth_profile_check("no/such/profile.json") == BERTH_NOT_FOUND);
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.no_cache = 1;
  CHECK(berth_classifier_load(kName, &options, &classifier) == BERTH_OK);
  CHECK(berth_classifier_num_labels(classifier) == 2 && strcmp(berth_classifier_label(classifier, 1), "help") == 0);
  CHECK(berth_classifier_label(classifier, 2) == NULL && strstr(berth_classifier_info(classifier), "\"rules\":1") != NULL);
  CHECK(berth_classifier_run(classifier, inputs, 3, &decisions, rows) == BERTH_OK && rows[2].tokens > 2);
  decision = berth_decisions_get(decisions, 0);
  CHECK(decision != NULL && decision->decided_by == BERTH_BY_MODEL && decision->model == 1 && decision->has_score == 1);
  CHECK(decision->label.size == 7 && strncmp(decision->nearest.data, "the quick brown fox", 19) == 0 && decision->rule.data == NULL);
  CHECK(fabs((double)decision->score - 1) < 1e-5 && fabs((double)decision->margin - 0.01) < 1e-5 && decision->similarity == decision->score);
  decision = berth_decisions_get(decisions, 1);
  CHECK(decision->decided_by == BERTH_BY_RULE && strncmp(decision->label.data, "help", 4) == 0 && decision->has_score == 0);
  CHECK(strncmp(decision->rule.data, "asks", 4) == 0 && strncmp(decision->rule_match.data, "help me", 7) == 0);
  decision = berth_decisions_get(decisions, 2);
  CHECK(decision->decided_by == BERTH_BY_NOTHING && decision->label.data == NULL && decision->nearest.data != NULL);
  CHECK(berth_decisions_get(decisions, 3) == NULL);
  scores = berth_decisions_scores(decisions, 2, &labels);
  CHECK(scores != NULL && labels == 2 && scores[0] < 0.99f && isnan(scores[1]));
  CHECK(berth_decisions_decide(decisions, thresholds, &again) == BERTH_OK);
  CHECK((berth_decisions_get(again, 2)->decided_by == BERTH_BY_MODEL) == (scores[0] >= 0));
  CHECK(berth_decisions_free(again) == BERTH_OK && berth_classifier_free(classifier) == BERTH_OK);
  CHECK(strncmp(berth_decisions_get(decisions, 0)->label.data, "animals", 7) == 0); /* decisions outlive the classifier */
  CHECK(berth_decisions_free(decisions) == BERTH_OK);

  options.rules_only = 1;
  CHECK(berth_classifier_load(kName, &options, &classifier) == BERTH_OK);
  CHECK(berth_classifier_run(classifier, inputs, 2, &decisions, NULL) == BERTH_OK);
  CHECK(berth_decisions_get(decisions, 0)->model == 0 && berth_decisions_get(decisions, 1)->decided_by == BERTH_BY_RULE);
  CHECK(berth_decisions_free(decisions) == BERTH_OK && berth_classifier_free(classifier) == BERTH_OK);
  options.combine = "median";
  CHECK(berth_classifier_load(kName, &options, &classifier) == BERTH_INVALID_ARGUMENT);
  CHECK_MESSAGE("median");
  remove(kName);
}

static void test_peak(const char* repository) {
  double operations = 0;
  berth_model* model = load(repository, "tests/reference/bert");
  CHECK(berth_model_measure_peak(model, 0.01, &operations) == BERTH_OK && operations > 1e6);
  CHECK(berth_model_measure_peak(model, -1, &operations) == BERTH_INVALID_ARGUMENT);
  CHECK(berth_model_free(model) == BERTH_OK);
}

static void test_quantize(void) {
  const float embeddings[4] = {0, 1, 2, -1};
  float ranges[4];
  uint8_t bytes[4], bits[2];
  CHECK(berth_quantized_size(BERTH_UINT8, 2) == 2 && berth_quantized_size(BERTH_UBINARY, 9) == 2 && berth_quantized_size(BERTH_FLOAT32, 2) == 8);
  CHECK(berth_find_ranges(embeddings, 2, 2, 0, ranges) == BERTH_OK && ranges[0] == 0 && ranges[1] == -1 && ranges[2] == 2 && ranges[3] == 1);
  CHECK(berth_quantize(embeddings, 2, 2, BERTH_UINT8, ranges, bytes) == BERTH_OK && bytes[0] == 0 && bytes[3] == 0);
  CHECK(berth_quantize(embeddings, 2, 2, BERTH_UBINARY, NULL, bits) == BERTH_OK && bits[0] == 0x40 && bits[1] == 0x80);
}

static void test_tokenize(const char* repository) {
  char directory[4096];
  berth_tokenizer* tokenizer = NULL;
  berth_encoding* encoding = NULL;
  berth_tokenize_options options;
  const berth_input input = text_input("the fox", NULL);
  size_t i, special = 0;
  snprintf(directory, sizeof directory, "%s/tests/reference/bert", repository);
  CHECK(berth_tokenizer_load(directory, &tokenizer) == BERTH_OK);
  CHECK(berth_tokenize(tokenizer, &input, NULL, &encoding) == BERTH_OK);
  CHECK(berth_encoding_size(encoding) >= 4 && berth_encoding_truncated(encoding) == 0);
  for (i = 0; i < berth_encoding_size(encoding); ++i) {
    const berth_string token = berth_encoding_token(encoding, i);
    const berth_string same = berth_tokenizer_token(tokenizer, berth_encoding_ids(encoding)[i]);
    CHECK(token.size == same.size && memcmp(token.data, same.data, token.size) == 0);
    CHECK(berth_encoding_type_ids(encoding)[i] == 0 && berth_encoding_offsets(encoding)[2 * i + 1] <= 7);
    special += berth_encoding_special_mask(encoding)[i];
  }
  CHECK(special == 2 && berth_encoding_token(encoding, i).data == NULL && berth_tokenizer_token(tokenizer, -1).data == NULL);
  CHECK(berth_encoding_free(encoding) == BERTH_OK);
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.no_special_tokens = 1;
  options.max_length = 1;
  CHECK(berth_tokenize(tokenizer, &input, &options, &encoding) == BERTH_OK);
  CHECK(berth_encoding_size(encoding) == 1 && berth_encoding_truncated(encoding) == 1);
  CHECK(berth_tokenizer_free(tokenizer) == BERTH_OK);
  CHECK(berth_encoding_token(encoding, 0).size > 0); /* encodings outlive the tokenizer */
  CHECK(berth_encoding_free(encoding) == BERTH_OK);
}

/* What a model runs of a text gives, as a row of ids, what the text gives; ids become text again. */
static void test_rows(const char* repository) {
  berth_model* model = load(repository, "tests/reference/st-mean-normalize");
  const berth_input input = text_input("the quick brown fox", NULL);
  berth_input ids;
  berth_encoding *encoding = NULL, *left = NULL;
  berth_tokenize_options options;
  berth_run_options run;
  const size_t size = berth_model_embedding_size(model);
  float *of_text = malloc(size * sizeof(float)), *of_ids = malloc(size * sizeof(float)), *unnormalized = malloc(size * sizeof(float));
  double length = 0;
  size_t i, bytes = 0;
  char text[64];
  CHECK(berth_model_tokenize(model, &input, NULL, &encoding) == BERTH_OK);
  memset(&ids, 0, sizeof ids);
  ids.ids = berth_encoding_ids(encoding);
  ids.type_ids = berth_encoding_type_ids(encoding);
  ids.ids_size = berth_encoding_size(encoding);
  CHECK(berth_encode(model, &input, 1, NULL, of_text, NULL) == BERTH_OK && berth_encode(model, &ids, 1, NULL, of_ids, NULL) == BERTH_OK);
  CHECK(memcmp(of_text, of_ids, size * sizeof(float)) == 0);

  memset(&run, 0, sizeof run);
  run.size = sizeof run;
  run.normalize = -1;
  CHECK(berth_encode(model, &input, 1, &run, unnormalized, NULL) == BERTH_OK);
  for (i = 0; i < size; ++i) length += (double)unnormalized[i] * unnormalized[i];
  CHECK(length < 0.9 || length > 1.1);

  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.max_length = 3;
  options.truncate_left = 1;
  CHECK(berth_model_tokenize(model, &input, &options, &left) == BERTH_OK);
  CHECK(berth_encoding_size(left) == 3 && berth_encoding_truncated(left) == 1);
  CHECK(berth_encoding_ids(left)[1] == ids.ids[ids.ids_size - 2]);
  options.no_special_tokens = 1;
  CHECK(berth_model_tokenize(model, &input, &options, &left) == BERTH_INVALID_ARGUMENT);

  CHECK(berth_decode(berth_model_tokenizer(model), ids.ids, ids.ids_size, 1, text, sizeof text, &bytes) == BERTH_OK);
  CHECK(bytes == 19 && memcmp(text, "the quick brown fox", bytes) == 0);
  memset(text, 0, sizeof text);
  CHECK(berth_decode(berth_model_tokenizer(model), ids.ids, ids.ids_size, 1, text, 3, &bytes) == BERTH_OK && bytes == 19 && strcmp(text, "the") == 0);
  CHECK(berth_decode(berth_model_tokenizer(model), ids.ids, ids.ids_size, 0, NULL, 0, &bytes) == BERTH_OK && bytes > 19);
  free(of_text);
  free(of_ids);
  free(unnormalized);
  CHECK(berth_encoding_free(left) == BERTH_OK && berth_encoding_free(encoding) == BERTH_OK && berth_model_free(model) == BERTH_OK);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  test_process();
  test_load_errors();
  test_encode(argv[1]);
  test_classify(argv[1]);
  test_pairs(argv[1]);
  test_tag(argv[1]);
  test_ids(argv[1]);
  test_late_interaction(argv[1]);
  test_peak(argv[1]);
  test_classifier(argv[1]);
  test_quantize();
  test_tokenize(argv[1]);
  test_rows(argv[1]);
  return failures == 0 ? 0 : 1;
}
