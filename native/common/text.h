#ifndef SLIPWAY_TEXT_H
#define SLIPWAY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

bool number_of(const char *text, long minimum, long maximum, long *number);
/* False, and cut off, when it does not fit. */
bool copy(char *to, size_t size, const char *from);
/* The same with a format. */
bool print(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Text that grows up to its room; what does not fit sets `full`. */
struct text {
  char *bytes;
  size_t length, size;
  bool full;
};
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes; bytes that are no UTF-8 become U+FFFD. */
void text_add_json(struct text *text, const char *string);
/* Bytes of others, made harmless: one line of printable ASCII. */
void text_add_plain(struct text *text, const char *bytes, size_t length);
/* Reads at most size - 1 bytes of a small file and ends them with NUL. The length, or -1. */
ssize_t read_text(int folder, const char *path, char *text, size_t size);

#endif
