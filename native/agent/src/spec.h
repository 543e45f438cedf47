/* Messages of Kata's oci.proto, turned into the JSON of the OCI runtime specification. */
#ifndef SLIPWAY_AGENT_SPEC_H
#define SLIPWAY_AGENT_SPEC_H

#include "json.h"

enum spec_kind { SPEC_STRING, SPEC_BOOL, SPEC_INT, SPEC_UINT, SPEC_MESSAGE, SPEC_MAP };

/* What is written of a field. Zero and empty ones are as good as absent, if nothing else is said. */
enum spec_flags {
  SPEC_REPEATED = 1,
  SPEC_ALWAYS = 2,    /* also when it is zero or absent: the specification requires it, or means something else without it */
  SPEC_PRESENT = 4,   /* also when it is zero, if it was sent */
  SPEC_WILDCARD = 8,  /* a device number of a rule: -1 is sent for any, which the JSON says by leaving it out */
};

struct spec_message;

struct spec_field {
  uint8_t number, kind, flags; /* number 0: the end of the table */
  const char *name;
  const struct spec_message *message;
};

struct spec_message {
  const struct spec_field *fields;
};

/* grpc.Spec, grpc.Process, grpc.LinuxResources; their hooks are things of the host. */
extern const struct spec_message spec_root, spec_process, spec_resources;

/* Noted as a failure: what cannot be understood, is no text, or could not be written. */
bool spec_write(int fd, const struct spec_message *message, struct view bytes);

#endif
