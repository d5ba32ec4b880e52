#include "tests/api/check.h"

int failures = 0;

berth_input text_input(const char* text, const char* pair) {
  berth_input input;
  memset(&input, 0, sizeof input);
  input.text.data = text;
  input.text.size = strlen(text);
  if (pair != NULL) {
    input.text_pair.data = pair;
    input.text_pair.size = strlen(pair);
  }
  return input;
}

berth_model* load(const char* repository, const char* name) {
  char directory[4096];
  berth_model* model = NULL;
  snprintf(directory, sizeof directory, "%s/%s", repository, name);
  CHECK(berth_model_load(directory, NULL, &model) == BERTH_OK);
  return model;
}
