/* StatsContainer: what the cgroup counts, and the interfaces of the machine, which are the container's. */
#include "agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char text[16384];

static bool read_file(const struct cgroup *cgroup, const char *name) { return cgroup_read(cgroup, name, text, sizeof text) > 0; }

static uint64_t count(const char *word) {
  int64_t value = number_after(text, word);
  return value < 0 ? 0 : (uint64_t)value;
}

/* "max" is no limit: the largest number, as Kata's agent has it. A file that is not there is zero. */
static uint64_t number_in(const struct cgroup *cgroup, const char *name) {
  if (!read_file(cgroup, name)) return 0;
  return strncmp(text, "max", 3) == 0 ? UINT64_MAX : strtoull(text, NULL, 10);
}

static void put_cpu(struct wire_out *out, const struct cgroup *cgroup) {
  if (!read_file(cgroup, "cpu.stat")) return;
  size_t cpu = wire_open(out, 1), usage = wire_open(out, 1);
  wire_put_number(out, 1, count("usage_usec") * 1000);
  wire_put_number(out, 3, count("system_usec") * 1000);
  wire_put_number(out, 4, count("user_usec") * 1000);
  wire_close(out, usage);
  size_t throttling = wire_open(out, 2);
  wire_put_number(out, 1, count("nr_periods"));
  wire_put_number(out, 2, count("nr_throttled"));
  wire_put_number(out, 3, count("throttled_usec") * 1000);
  wire_close(out, throttling);
  wire_close(out, cpu);
}

static void put_limited(struct wire_out *out, uint32_t number, const struct cgroup *cgroup, const char *kind, uint64_t failures) {
  char current[32], peak[32], limit[32];
  snprintf(current, sizeof current, "%s.current", kind);
  snprintf(peak, sizeof peak, "%s.peak", kind);
  snprintf(limit, sizeof limit, "%s.max", kind);
  size_t data = wire_open(out, number);
  wire_put_number(out, 1, number_in(cgroup, current));
  wire_put_number(out, 2, number_in(cgroup, peak));
  wire_put_number(out, 3, failures);
  wire_put_number(out, 4, number_in(cgroup, limit));
  wire_close(out, data);
}

static void put_entry(struct wire_out *out, const char *name, uint64_t value) {
  size_t entry = wire_open(out, 6);
  wire_put_text(out, 1, name);
  wire_put_number(out, 2, value);
  wire_close(out, entry);
}

static void put_lines(struct wire_out *out) {
  char *rest = NULL;
  wire_put_number(out, 1, count("file"));
  for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
    char *space = strchr(line, ' ');
    if (space == NULL) continue;
    *space = '\0';
    put_entry(out, line, strtoull(space + 1, NULL, 10));
  }
}

static void put_memory(struct wire_out *out, const struct cgroup *cgroup) {
  bool has_events = read_file(cgroup, "memory.events");
  uint64_t failures = has_events ? count("max") : 0, killed = has_events ? count("oom_kill") : 0;
  size_t memory = wire_open(out, 2);
  put_limited(out, 2, cgroup, "memory", failures);
  put_limited(out, 3, cgroup, "memory.swap", 0);
  wire_put_number(out, 5, 1);
  /* Of memory.events, where memory.stat has no such line. */
  put_entry(out, "oom_kill", killed);
  if (read_file(cgroup, "memory.stat")) put_lines(out);
  wire_close(out, memory);
}

static void put_pids(struct wire_out *out, const struct cgroup *cgroup) {
  uint64_t limit = number_in(cgroup, "pids.max");
  size_t pids = wire_open(out, 3);
  wire_put_number(out, 1, number_in(cgroup, "pids.current"));
  wire_put_number(out, 2, limit == UINT64_MAX ? 0 : limit);
  wire_close(out, pids);
}

static void put_transfer(struct wire_out *out, uint32_t number, const uint64_t device[2], const char *line, const char *key, const char *operation) {
  const char *at = strstr(line, key);
  if (at == NULL) return;
  size_t entry = wire_open(out, number);
  wire_put_number(out, 1, device[0]);
  wire_put_number(out, 2, device[1]);
  wire_put_text(out, 3, operation);
  wire_put_number(out, 4, strtoull(at + strlen(key), NULL, 10));
  wire_close(out, entry);
}

/* Lines `MAJOR:MINOR rbytes=N wbytes=N rios=N wios=N ...` */
static void put_blkio(struct wire_out *out, const struct cgroup *cgroup) {
  if (!read_file(cgroup, "io.stat")) return;
  size_t blkio = wire_open(out, 4);
  char *rest = NULL;
  for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
    char *minor;
    uint64_t device[2] = {strtoull(line, &minor, 10), 0};
    if (*minor != ':') continue;
    device[1] = strtoull(minor + 1, NULL, 10);
    put_transfer(out, 1, device, line, " rbytes=", "read");
    put_transfer(out, 1, device, line, " wbytes=", "write");
    put_transfer(out, 2, device, line, " rios=", "read");
    put_transfer(out, 2, device, line, " wios=", "write");
  }
  wire_close(out, blkio);
}

/* Lines `NAME: ` and eight numbers received, then eight sent: bytes, packets, errors, dropped... */
static void put_networks(struct wire_out *out) {
  char *rest = NULL;
  if (read_text(-1, "/proc/net/dev", text, sizeof text) <= 0) return;
  for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
    char *colon = strchr(line, ':'), *name = line + strspn(line, " ");
    if (colon == NULL) continue;
    *colon = '\0';
    if (strcmp(name, "lo") == 0) continue;
    size_t network = wire_open(out, 2);
    wire_put_text(out, 1, name);
    char *at = colon + 1;
    for (uint32_t i = 0; i < 12; i++) {
      uint64_t value = strtoull(at, &at, 10);
      if (i < 4) wire_put_number(out, 2 + i, value);
      if (i >= 8) wire_put_number(out, 6 + i - 8, value);
    }
    wire_close(out, network);
  }
}

bool container_stats(uint32_t stream, struct view request) {
  struct container *container = container_made(wire_bytes(request, 1));
  if (container == NULL) return false;
  struct wire_out *out = answer_begin();
  size_t stats = wire_open(out, 1);
  put_cpu(out, &container->cgroup);
  put_memory(out, &container->cgroup);
  put_pids(out, &container->cgroup);
  put_blkio(out, &container->cgroup);
  wire_close(out, stats);
  put_networks(out);
  answer_end(stream);
  return true;
}
