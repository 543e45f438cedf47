/* The machine as the kernel hands it over, until there is a port to the host. Failures are noted. */
#ifndef SLIPWAY_AGENT_BOOT_H
#define SLIPWAY_AGENT_BOOT_H

#include "base.h"

bool boot_root(void);
bool boot_mounts(void);
bool boot_console(void);
/* Of what is started: those of the first process are made for machines of this size, not for what a container is used to. */
bool boot_limits(void);
/* The port to the host, as soon as the host has opened its end; -1: noted. */
int boot_port(void);
/* Never comes back. */
void power_off(void) __attribute__((noreturn));

#endif
