#include "wire.h"

size_t request_put(unsigned char *frame, size_t size, uint32_t stream, const char *service, const char *method, const void *payload, size_t length) {
  if (size < HEADER_SIZE) return 0;
  struct wire_out message = {.bytes = frame + HEADER_SIZE, .size = size - HEADER_SIZE};
  wire_put_text(&message, 1, service);
  wire_put_text(&message, 2, method);
  wire_put_bytes(&message, 3, payload, length);
  if (message.full || message.length > FRAME_MAX) return 0;
  header_put(frame, &(struct header){.length = (uint32_t)message.length, .stream = stream, .type = FRAME_REQUEST});
  return HEADER_SIZE + message.length;
}

bool answer_get(const unsigned char *bytes, size_t length, struct answer *answer) {
  struct view message = {bytes, length};
  *answer = (struct answer){0};
  if (!wire_valid(message)) return false;
  struct view status = wire_bytes(message, 1);
  if (!wire_valid(status)) return false;
  answer->payload = wire_bytes(message, 2);
  answer->failed = wire_number(status, 1) != 0;
  struct view words = wire_bytes(status, 2);
  struct text text = {.bytes = answer->error, .size = sizeof answer->error};
  text_add_plain(&text, (const char *)words.at, words.length);
  if (answer->failed && answer->error[0] == '\0') copy(answer->error, sizeof answer->error, "the agent says no more");
  return true;
}
