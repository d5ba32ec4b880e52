#include <berth/berth.h>

#include <stdio.h>
#include <string.h>

int main(int argc, char** argv) {
  berth_model* model = NULL;
  berth_input input;
  float scores[2];
  if (argc != 3) return 2;
  memset(&input, 0, sizeof input);
  input.text.data = argv[2];
  input.text.size = strlen(argv[2]);
  if (berth_model_load(argv[1], NULL, &model) != BERTH_OK || berth_model_num_labels(model) != 2 ||
      berth_classify(model, &input, 1, NULL, scores, NULL) != BERTH_OK) {
    fprintf(stderr, "%s\n", berth_last_error());
    return 1;
  }
  printf("%s %s\n", berth_version(), berth_model_label(model, scores[1] > scores[0]));
  berth_model_free(model);
  return 0;
}
