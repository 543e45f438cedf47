/* Programs know descriptors by numbers, which the plan gives names to. */
#include "child.h"

#include <stdlib.h>
#include <string.h>

int free_number(const struct given *given, size_t count) {
  for (int number = FD_MAX; number >= FD_MIN; number--) {
    bool used = false;
    for (size_t i = 0; i < count; i++) used = used || given[i].number == number;
    if (!used) return number;
  }
  return -1;
}

static void replace(struct text *text, const char *argument, const struct channel *channels, size_t count) {
  for (const char *at = argument; *at != '\0';) {
    const struct channel *found = NULL;
    for (size_t i = 0; i < count; i++) {
      if (strncmp(at, channels[i].name, strlen(channels[i].name)) == 0) found = &channels[i];
    }
    if (found == NULL) {
      text_add(text, "%c", *at++);
    } else {
      text_add(text, "%d", found->number);
      at += strlen(found->name);
    }
  }
}

char **with_numbers(char *const argv[], const struct channel *channels, size_t count) {
  size_t arguments = 0, size = 1;
  for (; argv[arguments] != NULL; arguments++) size += strlen(argv[arguments]) + 1;
  char **copies = calloc(arguments + 1, sizeof *copies), *bytes = malloc(size);
  if (copies == NULL || bytes == NULL) {
    free(copies);
    free(bytes);
    return NULL;
  }
  /* A number is never longer than the name in whose place it is. */
  struct text text = {.bytes = bytes, .size = size};
  for (size_t i = 0; i < arguments; i++) {
    copies[i] = bytes + text.length;
    bytes[text.length] = '\0';
    replace(&text, argv[i], channels, count);
    text.length++;
  }
  return copies;
}
