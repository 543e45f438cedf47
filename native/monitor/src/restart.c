#include "monitor.h"

#include <string.h>

#define DELAY_FIRST_MS 100
#define DELAY_MAX_MS 60000
#define STEADY_MS 10000

bool restart_policy_of(const char *name, enum restart_policy *policy) {
  bool always = strcmp(name, "always") == 0 || strcmp(name, "unless-stopped") == 0;
  *policy = always ? RESTART_ALWAYS : strcmp(name, "on-failure") == 0 ? RESTART_ON_FAILURE : RESTART_NEVER;
  return *policy != RESTART_NEVER || strcmp(name, "no") == 0;
}

bool restart_due(const struct restart *restart, const struct exit_status *status, int64_t ran_ms) {
  if (restart->policy == RESTART_NEVER) return false;
  if (restart->policy == RESTART_ALWAYS) return true;
  long in_a_row = ran_ms >= STEADY_MS ? 0 : restart->in_a_row;
  return status->code != 0 && (restart->maximum == 0 || in_a_row < restart->maximum);
}

void restart_schedule(struct restart *restart, int64_t ran_ms) {
  if (ran_ms >= STEADY_MS || restart->delay_ms == 0) {
    restart->in_a_row = 0;
    restart->delay_ms = DELAY_FIRST_MS;
  } else {
    restart->delay_ms = restart->delay_ms * 2 < DELAY_MAX_MS ? restart->delay_ms * 2 : DELAY_MAX_MS;
  }
  restart->in_a_row++;
  restart->count++;
  restart->at = now_ms() + restart->delay_ms;
  restart->step = RESTART_CLEAN;
}
