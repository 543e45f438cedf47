#include "streams.h"

static bool wants(const struct client *client, int stream) { return client->in_use && client->attached && client->wants[stream]; }

uint32_t sinks_offer(struct sinks *sinks, int stream, const unsigned char *bytes, size_t length) {
  uint32_t owed = 0;
  log_write(&sinks->log, stream, bytes, length);
  for (uint32_t i = 0; i < CLIENTS; i++) {
    if (wants(&sinks->clients->each[i], stream)) owed |= 1u << i;
  }
  return sinks_pass(sinks, stream, bytes, length, owed);
}

uint32_t sinks_pass(struct sinks *sinks, int stream, const unsigned char *bytes, size_t length, uint32_t owed) {
  for (uint32_t i = 0; i < CLIENTS; i++) {
    if ((owed & 1u << i) == 0) continue;
    struct client *client = &sinks->clients->each[i];
    if (!wants(client, stream) || attach_send(client, stream, bytes, length)) owed &= ~(1u << i);
  }
  return owed;
}

bool sinks_any(const struct sinks *sinks, int stream) {
  if (sinks->log.folder >= 0) return true;
  for (uint32_t i = 0; i < CLIENTS; i++) {
    if (wants(&sinks->clients->each[i], stream)) return true;
  }
  return false;
}
