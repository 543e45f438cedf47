/* The machine as the kernel hands it over, until there is a port to the host. Failures are noted. */
#ifndef SLIPWAY_AGENT_BOOT_H
#define SLIPWAY_AGENT_BOOT_H

#include "base.h"

bool boot_root(void);
bool boot_mounts(void);
bool boot_console(void);
/* The port to the host, as soon as the host has opened its end; -1: noted. */
int boot_port(void);
/* Never comes back. */
void power_off(void) __attribute__((noreturn));

#endif
