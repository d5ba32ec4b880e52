/* What the C programs of this folder share: a check that says where and what, and counts. */
#ifndef BERTH_TESTS_API_CHECK_H
#define BERTH_TESTS_API_CHECK_H

#include <berth/berth.h>

#include <stdio.h>
#include <string.h>

extern int failures;

#define CHECK(condition)                                                                                       \
  do {                                                                                                         \
    if (!(condition)) {                                                                                        \
      fprintf(stderr, "%s:%d: %s (last error: \"%s\")\n", __FILE__, __LINE__, #condition, berth_last_error()); \
      ++failures;                                                                                              \
    }                                                                                                          \
  } while (0)

#define CHECK_MESSAGE(fragment) CHECK(strstr(berth_last_error(), fragment) != NULL)

/* An input of a text and, unless NULL, its pair. */
berth_input text_input(const char* text, const char* pair);
/* REPOSITORY/NAME loaded, with every option at its default. */
berth_model* load(const char* repository, const char* name);

#endif
