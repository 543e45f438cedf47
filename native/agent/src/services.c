#include "agent.h"

#include <string.h>

#define HEALTH_SERVING 1
#define NAME_SHOWN 128
/* As ttrpc has it for protocol version 1 of Kata's health service. */
#define GRPC_VERSION "0.0.1"

static bool health_check(uint32_t stream, struct view request) {
  (void)request;
  wire_put_number(answer_begin(), 1, HEALTH_SERVING);
  answer_end(stream);
  return true;
}

static bool health_version(uint32_t stream, struct view request) {
  (void)request;
  struct wire_out *out = answer_begin();
  wire_put_text(out, 1, GRPC_VERSION);
  wire_put_text(out, 2, SLIPWAY_VERSION);
  answer_end(stream);
  return true;
}

struct method {
  const char *name;
  bool (*take)(uint32_t stream, struct view request);
};

static const struct method health[] = {{"Check", health_check}, {"Version", health_version}, {NULL, NULL}};

static const struct method agent[] = {
  {"CreateSandbox", sandbox_create},
  {"DestroySandbox", sandbox_destroy},
  {"GetGuestDetails", guest_details},
  {"SetGuestDateTime", guest_set_time},
  {"ReseedRandomDev", guest_reseed},
  {"UpdateInterface", interface_update},
  {"UpdateRoutes", routes_update},
  {"CopyFile", copy_file},
  {"CreateContainer", container_create},
  {"StartContainer", container_start},
  {"RemoveContainer", container_remove},
  {"UpdateContainer", container_update},
  {"StatsContainer", container_stats},
  {"PauseContainer", container_pause},
  {"ResumeContainer", container_resume},
  {"GetOOMEvent", oom_event_wait},
  {"ExecProcess", process_exec},
  {"SignalProcess", process_signal},
  {"WaitProcess", process_wait},
  {"WriteStdin", process_write},
  {"CloseStdin", process_close_input},
  {"ReadStdout", process_read_out},
  {"ReadStderr", process_read_err},
  {"TtyWinResize", process_resize},
  {NULL, NULL},
};

static const struct {
  const char *name;
  const struct method *methods;
} services[] = {{"grpc.AgentService", agent}, {"grpc.Health", health}};

static bool is(struct view text, const char *name) { return text.length == strlen(name) && memcmp(text.at, name, text.length) == 0; }

static int shown(struct view text) { return text.length < NAME_SHOWN ? (int)text.length : NAME_SHOWN; }

static const struct method *find(const struct request *request) {
  for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
    if (!is(request->service, services[i].name)) continue;
    for (const struct method *method = services[i].methods; method->name != NULL; method++) {
      if (is(request->method, method->name)) return method;
    }
  }
  fail(CODE_UNIMPLEMENTED, "there is no method \"%.*s/%.*s\"", shown(request->service), (const char *)request->service.at, shown(request->method),
       (const char *)request->method.at);
  return NULL;
}

void service_take(const struct request *request) {
  failure_clear();
  const struct method *method = find(request);
  bool valid = method != NULL && (wire_valid(request->payload) || fail(CODE_INVALID_ARGUMENT, "the request is no message of Protocol Buffers"));
  if (!valid || !method->take(request->stream, request->payload)) answer_failure(request->stream);
}
