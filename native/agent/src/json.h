/* JSON into a file, by a small buffer. */
#ifndef SLIPWAY_AGENT_JSON_H
#define SLIPWAY_AGENT_JSON_H

#include "wire.h"

struct json {
  int fd;
  size_t length;
  bool failed; /* errno of the write that did not go */
  char buffer[4096];
};

void json_raw(struct json *json, const char *text);
void json_number(struct json *json, uint64_t value, bool is_signed);
/* With its quotes. Noted as a failure: no UTF-8, or a NUL, which would cut it off in a C program. */
bool json_string(struct json *json, struct view text);
bool json_flush(struct json *json);

#endif
