/* What berth.h promises to a program that gets it wrong: a status and a message, never a crash. usage: misuse_test REPOSITORY */
#include "tests/api/check.h"

#include <stddef.h>

static void test_null(berth_model* model) {
  const berth_input input = text_input("text", NULL);
  float values[8];
  size_t count = 1;
  CHECK(berth_model_load(NULL, NULL, &model) == BERTH_INVALID_ARGUMENT);
  CHECK(berth_model_load("directory", NULL, NULL) == BERTH_INVALID_ARGUMENT);
  CHECK(berth_encode(NULL, &input, 1, NULL, values, NULL) == BERTH_INVALID_ARGUMENT);
  CHECK_MESSAGE("model is NULL");
  CHECK(berth_encode(model, NULL, 1, NULL, values, NULL) == BERTH_INVALID_ARGUMENT);
  CHECK_MESSAGE("inputs is NULL");
  CHECK(berth_encode(model, &input, 1, NULL, NULL, NULL) == BERTH_INVALID_ARGUMENT);
  CHECK(berth_tokenize(NULL, &input, NULL, NULL) == BERTH_INVALID_ARGUMENT);
  CHECK_MESSAGE("tokenizer is NULL");
  CHECK(berth_system_info(NULL) == BERTH_INVALID_ARGUMENT);
  CHECK(berth_model_hidden_size(NULL) == 0 && berth_model_label(NULL, 0) == NULL && strcmp(berth_model_info(NULL), "{}") == 0);
  CHECK(berth_model_tokenizer(NULL) == NULL && berth_encoding_ids(NULL) == NULL && berth_encoding_token(NULL, 0).data == NULL);
  CHECK(berth_findings_row(NULL, 0, &count) == NULL && count == 0 && berth_vectors_sparse(NULL, 0, NULL) == NULL);
  CHECK(berth_model_free(NULL) == BERTH_OK && berth_tokenizer_free(NULL) == BERTH_OK && berth_encoding_free(NULL) == BERTH_OK);
  CHECK(berth_token_embeddings_free(NULL) == BERTH_OK && berth_findings_free(NULL) == BERTH_OK && berth_vectors_free(NULL) == BERTH_OK);
}

static void test_other_kinds(berth_model* model) {
  const berth_input input = text_input("text", NULL);
  berth_encoding* encoding = NULL;
  CHECK(berth_tokenize((const berth_tokenizer*)model, &input, NULL, &encoding) == BERTH_INVALID_ARGUMENT && encoding == NULL);
  CHECK_MESSAGE("tokenizer is a berth_model, not a berth_tokenizer");
  CHECK(berth_findings_free((berth_findings*)model) == BERTH_INVALID_ARGUMENT);
  CHECK(berth_model_free((berth_model*)berth_model_tokenizer(model)) == BERTH_INVALID_ARGUMENT);
  CHECK_MESSAGE("model is a berth_tokenizer");
  CHECK(berth_tokenizer_free((berth_tokenizer*)berth_model_tokenizer(model)) == BERTH_INVALID_ARGUMENT);
  CHECK_MESSAGE("belongs to a model");
  CHECK(berth_model_hidden_size(model) > 0); /* none of them did anything */
}

static void test_options(const berth_model* model) {
  struct {
    berth_run_options known;
    uint64_t appended;
  } later;
  berth_run_options options;
  const berth_input input = text_input("the quick brown fox", NULL);
  float embedding[1024];
  berth_row row;
  CHECK(berth_model_embedding_size(model) <= 1024);
  memset(&options, 0, sizeof options);
  CHECK(berth_encode(model, &input, 1, &options, embedding, NULL) == BERTH_INVALID_ARGUMENT);
  CHECK_MESSAGE("berth_run_options.size");
  options.size = offsetof(berth_run_options, batch_tokens); /* a program built when there was max_length alone */
  options.max_length = 3;
  options.batch_tokens = (size_t)-1;
  options.truncate_dim = (size_t)-1;
  CHECK(berth_encode(model, &input, 1, &options, embedding, &row) == BERTH_OK && row.tokens == 3);

  memset(&later, 0, sizeof later);
  later.known.size = sizeof later;
  CHECK(berth_encode(model, &input, 1, &later.known, embedding, NULL) == BERTH_OK);
  later.appended = 1;
  CHECK(berth_encode(model, &input, 1, &later.known, embedding, NULL) == BERTH_UNSUPPORTED);
  CHECK_MESSAGE("berth_run_options");
}

static void test_normalize(const berth_model* model) {
  const int32_t wrong[] = {5, 2, -2, INT32_MAX, INT32_MIN};
  berth_run_options options;
  berth_vector_options of_vectors;
  berth_vectors* vectors = NULL;
  const berth_input input = text_input("the quick brown fox", NULL);
  float embedding[1024];
  size_t i;
  memset(&options, 0, sizeof options);
  memset(&of_vectors, 0, sizeof of_vectors);
  options.size = sizeof options;
  of_vectors.size = sizeof of_vectors;
  for (i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    options.normalize = of_vectors.normalize = wrong[i];
    CHECK(berth_encode(model, &input, 1, &options, embedding, NULL) == BERTH_INVALID_ARGUMENT);
    CHECK_MESSAGE("normalize: expected -1, 0 or 1");
    CHECK(berth_encode_vectors(model, &input, 1, &of_vectors, &vectors, NULL) == BERTH_INVALID_ARGUMENT && vectors == NULL);
  }
  for (options.normalize = -1; options.normalize <= 1; ++options.normalize) CHECK(berth_encode(model, &input, 1, &options, embedding, NULL) == BERTH_OK);
}

static void test_text(const berth_model* model) {
  berth_input input = text_input("\xff\xfe", NULL);
  float embedding[1024];
  CHECK(berth_encode(model, &input, 1, NULL, embedding, NULL) == BERTH_INVALID_ARGUMENT);
  CHECK_MESSAGE("UTF-8");
  input.text.data = NULL;
  CHECK(berth_encode(model, &input, 1, NULL, embedding, NULL) == BERTH_INVALID_ARGUMENT);
  CHECK_MESSAGE("text is NULL, of 2 bytes");
}

/* Whoever asks how many labels there are and makes room for none reads why. */
static void test_no_labels(const berth_model* model) {
  const berth_input input = text_input("text", NULL);
  CHECK(berth_model_num_labels(model) == 0);
  CHECK(berth_classify(model, &input, 1, NULL, NULL, NULL) == BERTH_UNSUPPORTED);
  CHECK_MESSAGE("no sequence-classification head");
}

static void test_freed(berth_model* model) {
  const berth_input input = text_input("text", NULL);
  const berth_tokenizer* tokenizer = berth_model_tokenizer(model);
  berth_encoding* encoding = NULL;
  float embedding[1024];
  CHECK(berth_tokenize(tokenizer, &input, NULL, &encoding) == BERTH_OK);
  CHECK(berth_model_free(model) == BERTH_OK);
  CHECK(berth_model_free(model) == BERTH_INVALID_ARGUMENT);
  CHECK_MESSAGE("model was freed already");
  CHECK(berth_encode(model, &input, 1, NULL, embedding, NULL) == BERTH_INVALID_ARGUMENT);
  CHECK(berth_model_hidden_size(model) == 0 && berth_model_tokenizer(model) == NULL);
  CHECK(berth_tokenize(tokenizer, &input, NULL, &encoding) == BERTH_INVALID_ARGUMENT);
  CHECK_MESSAGE("tokenizer was freed already");
  CHECK(berth_encoding_size(encoding) > 0);
  CHECK(berth_encoding_free(encoding) == BERTH_OK && berth_encoding_free(encoding) == BERTH_INVALID_ARGUMENT);
  CHECK(berth_encoding_size(encoding) == 0);
}

int main(int argc, char** argv) {
  berth_model* model;
  if (argc != 2) return 2;
  model = load(argv[1], "tests/reference/bert");
  test_null(model);
  test_other_kinds(model);
  test_options(model);
  test_normalize(model);
  test_text(model);
  test_no_labels(model);
  test_freed(model);
  return failures == 0 ? 0 : 1;
}
