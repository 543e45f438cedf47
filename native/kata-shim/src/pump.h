/* What stands between the streams here and those of the process in the guest. */
#ifndef SLIPWAY_SHIM_PUMP_H
#define SLIPWAY_SHIM_PUMP_H

#include "process.h"

#define INPUT_CHUNK 32768u

/* Of requests; each is also its number in the protocol. */
enum { ASK_INPUT = 1, ASK_OUTPUT = 3, ASK_ERROR = 5, ASK_EXIT = 7, ASK_SIGNAL = 9, ASK_SIZE = 11, ASK_CHECK = 13 };

struct output {
  int fd; /* -1: nobody reads it, what comes is dropped */
  uint32_t ask;
  bool asked, ended;
  size_t start, end;
  unsigned char bytes[CHUNK];
};

struct input {
  int fd; /* -1: it has ended */
  bool asked, close_due, closed;
  size_t start, end;
  unsigned char bytes[INPUT_CHUNK];
};

struct pump {
  struct connection *connection;
  const struct target *target;
  int signals;
  unsigned signals_asked;
  bool size_due, size_asked;
  struct input input;
  struct output outputs[2];
  bool exit_asked, exited;
  struct ending ending;
  int64_t quiet_since;
  bool check_asked;
};

/* ---- answers.c ---- */

/* Takes all that has come. False: it is no message, or more than was asked for. */
bool pump_take_answers(struct pump *pump);
/* Nothing more is read. */
void input_end(struct input *input);

#endif
