#include "agent.h"

#include <unistd.h>

static bool created, destroyed;

/* hostname = 1, storages = 3, sandbox_pidns = 4, kernel_modules = 7. Names of DNS servers reach a container as a file of its own, storages with the container that they are for. */
bool sandbox_create(uint32_t stream, struct view request) {
  char hostname[65];
  if (created) return fail(CODE_ALREADY_EXISTS, "there is a sandbox already");
  if (wire_number(request, 4) != 0) return fail(CODE_UNIMPLEMENTED, "a PID namespace of the sandbox");
  if (wire_has(request, 3)) return fail(CODE_UNIMPLEMENTED, "storages of the sandbox");
  if (wire_has(request, 7)) return fail(CODE_UNIMPLEMENTED, "the modules of the kernel are those of the image");
  if (!wire_text(wire_bytes(request, 1), "hostname", hostname, sizeof hostname)) return false;
  if (hostname[0] != '\0' && sethostname(hostname, __builtin_strlen(hostname)) < 0) return fail_errno("set the host name");
  created = true;
  answer_empty(stream);
  return true;
}

bool sandbox_destroy(uint32_t stream, struct view request) {
  (void)request;
  destroyed = true;
  answer_empty(stream);
  return true;
}

bool sandbox_is_destroyed(void) { return destroyed; }
