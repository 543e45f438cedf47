#include "monitor.h"

#include <string.h>
#include <sys/wait.h>

const char *health_name(enum health_status status) {
  return status == HEALTH_HEALTHY ? "healthy" : status == HEALTH_UNHEALTHY ? "unhealthy" : "starting";
}

/* A start that has succeeded once is over. */
static bool in_start_period(const struct health *health) {
  return !health->was_healthy && now_ms() < health->started_at + health->start_period_ms;
}

static void schedule(struct health *health) {
  health->next_at = now_ms() + (in_start_period(health) ? health->start_interval_ms : health->interval_ms);
}

void health_start(struct health *health) {
  if (!command_is_set(&health->command)) return;
  health->started_at = now_ms();
  health->status = HEALTH_STARTING;
  health->failures = 0;
  health->was_healthy = health->has_last = false;
  schedule(health);
}

void health_stop(struct health *health) {
  health->started_at = health->next_at = 0;
  tool_kill(&health->tool);
}

void health_poll(const struct health *health, struct poll_set *set) {
  tool_poll(&health->tool, set);
  if (health->started_at > 0 && health->tool.pid == 0) poll_wake_at(set, health->next_at);
}

static bool count(struct health *health, int code) {
  enum health_status before = health->status;
  health->has_last = true;
  health->last_code = code;
  time_now(health->last_time);
  if (code == 0) {
    health->failures = 0;
    health->was_healthy = true;
    health->status = HEALTH_HEALTHY;
  } else if (!in_start_period(health)) {
    health->failures++;
    if (health->failures >= health->retries) health->status = HEALTH_UNHEALTHY;
  }
  schedule(health);
  return health->status != before;
}

bool health_due(const struct health *health) {
  return health->started_at > 0 && health->tool.pid == 0 && now_ms() >= health->next_at;
}

void health_put_off(struct health *health) { schedule(health); }

bool health_begin(struct health *health, bool *changed) {
  const char *what = "";
  if (tool_start_quiet(&health->tool, &health->command, &what) == 0) return true;
  copy(health->last_output, sizeof health->last_output, what);
  *changed = count(health, 127);
  return false;
}

bool health_ended(struct health *health, int wait_status) {
  struct tool *tool = &health->tool;
  tool_ended(tool);
  if (health->started_at == 0) return false;
  memcpy(health->last_output, tool->tail, tool->tail_length + 1);
  return count(health, tool->timed_out ? -1 : WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status));
}
