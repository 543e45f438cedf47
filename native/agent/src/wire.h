/* Messages of the host: what is wrong with them is noted as a failure. */
#ifndef SLIPWAY_AGENT_WIRE_H
#define SLIPWAY_AGENT_WIRE_H

#include "base.h"
#include "common/wire.h"

/* A string with its NUL. Noted as a failure: it is too long, or has a NUL in it. An absent one is empty. */
bool wire_text(struct view bytes, const char *what, char *text, size_t size);

#endif
