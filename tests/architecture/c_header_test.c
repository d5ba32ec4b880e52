/* berth.h alone, as C99. The test is that this compiles without a warning (CMakeLists.txt), links against the library and runs. */
#include <berth/berth.h>

#include <stdio.h>
#include <string.h>

int main(void) {
  berth_model* model = NULL;
  berth_model_options options;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  if (berth_model_load("no/such/directory", &options, &model) != BERTH_NOT_FOUND || model != NULL) {
    fprintf(stderr, "loading a directory that does not exist: %s\n", berth_last_error());
    return 1;
  }
  if (strstr(berth_last_error(), "no/such/directory") == NULL) {
    fprintf(stderr, "the message does not name the directory: %s\n", berth_last_error());
    return 1;
  }
  berth_model_free(NULL);
  berth_tokenizer_free(NULL);
  berth_encoding_free(NULL);
  berth_token_embeddings_free(NULL);
  return strcmp(berth_version(), "") == 0;
}
