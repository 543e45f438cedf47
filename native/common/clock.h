#ifndef SLIPWAY_CLOCK_H
#define SLIPWAY_CLOCK_H

#include <stdint.h>

/* Milliseconds of a clock that never jumps (but stands still while the machine is stopped). */
int64_t now_ms(void);
void sleep_ms(long ms);

#endif
