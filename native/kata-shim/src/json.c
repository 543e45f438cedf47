#include "vm.h"

#include <string.h>

/* Nesting beyond this is nothing that QEMU says. */
#define DEPTH_MAX 64

static const char *skip_space(const char *at) { return at + strspn(at, " \t\r\n"); }

/* Behind the string that begins at the quote; NULL when it does not end. */
static const char *skip_string(const char *at) {
  for (at++; *at != '"'; at++) {
    if (*at == '\\') at++;
    if (*at == '\0') return NULL;
  }
  return at + 1;
}

static const char *skip_value(const char *at) {
  int depth = 0;
  do {
    at = skip_space(at);
    if (*at == '"') {
      at = skip_string(at);
      if (at == NULL) return NULL;
    } else if (*at == '{' || *at == '[') {
      if (++depth > DEPTH_MAX) return NULL;
      at++;
    } else if (*at == '}' || *at == ']') {
      if (--depth < 0) return NULL;
      at++;
    } else if (*at == ',' || *at == ':') {
      if (depth == 0) return NULL;
      at++;
    } else {
      size_t length = strcspn(at, " \t\r\n,:{}[]\"");
      if (length == 0) return NULL;
      at += length;
    }
  } while (depth > 0);
  return at;
}

const char *json_member(const char *object, const char *name) {
  size_t length = strlen(name);
  const char *at = skip_space(object);
  if (*at != '{') return NULL;
  for (at = skip_space(at + 1); *at == '"';) {
    const char *key = at + 1;
    at = skip_string(at);
    if (at == NULL) return NULL;
    bool found = (size_t)(at - 1 - key) == length && memcmp(key, name, length) == 0;
    at = skip_space(at);
    if (*at != ':') return NULL;
    at = skip_space(at + 1);
    if (found) return at;
    at = skip_value(at);
    if (at == NULL) return NULL;
    at = skip_space(at);
    if (*at == ',') at = skip_space(at + 1);
  }
  return NULL;
}

bool json_string(const char *value, char *text, size_t size) {
  if (value == NULL || *value != '"' || size == 0) return false;
  size_t length = 0;
  for (value++; *value != '"' && *value != '\0' && length < size - 1; value++) {
    if (*value == '\\' && value[1] != '\0') value++;
    text[length++] = *value;
  }
  text[length] = '\0';
  return true;
}
