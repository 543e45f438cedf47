/* What the agent answers to the pump's requests: bounded, whatever it is. */
#include "pump.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void input_end(struct input *input) {
  close_one(&input->fd);
  input->start = input->end = 0;
}

static bool take_output(struct pump *pump, struct output *output, const struct answer *answer) {
  if (!wire_valid(answer->payload)) return false;
  struct view data = wire_bytes(answer->payload, 1);
  if (data.length > sizeof output->bytes) return false;
  output->asked = false;
  output->start = 0;
  output->end = answer->failed ? 0 : data.length;
  if (output->end > 0) memcpy(output->bytes, data.at, data.length);
  output->ended = output->end == 0;
  pump->quiet_since = now_ms();
  pump->check_asked = false;
  return true;
}

static void take_input(struct input *input, const struct answer *answer) {
  uint64_t taken = wire_number(answer->payload, 1);
  input->asked = false;
  if (input->closed) return;
  if (answer->failed) {
    /* Nobody will ever read it: our writer is to learn of that, as it would of a pipe's. */
    input_end(input);
    input->closed = true;
    return;
  }
  size_t sent = input->end - input->start;
  input->start += taken < sent ? (size_t)taken : sent;
}

static void take_exit(struct pump *pump, const struct answer *answer) {
  uint64_t code = wire_number(answer->payload, 1), number = wire_number(answer->payload, 100);
  pump->exited = true;
  pump->quiet_since = now_ms();
  if (answer->failed) {
    dprintf(STDERR_FILENO, "slipway: the agent lost process \"%s\": %s\n", pump->target->process, answer->error);
    pump->ending.code = 255;
    return;
  }
  pump->ending.code = code > 255 ? 255 : (int)code;
  pump->ending.signal = number > 64 ? 0 : (int)number;
  pump->ending.oom_killed = wire_number(answer->payload, 101) != 0;
}

/* Whoever holds the streams open but says nothing is left behind. The check's answer comes after all that was there to be read. */
static void take_check(struct pump *pump) {
  if (!pump->check_asked) return;
  for (size_t i = 0; i < 2; i++) pump->outputs[i].ended = pump->outputs[i].ended || pump->outputs[i].start == pump->outputs[i].end;
}

bool pump_take_answers(struct pump *pump) {
  struct header header;
  const unsigned char *payload;
  struct answer answer;
  while (connection_next(pump->connection, &header, &payload)) {
    if (header.type != FRAME_RESPONSE) continue;
    if (!answer_get(payload, header.length, &answer)) return false;
    switch (header.stream) {
      case ASK_INPUT:
        take_input(&pump->input, &answer);
        break;
      case ASK_OUTPUT:
      case ASK_ERROR:
        if (!take_output(pump, &pump->outputs[header.stream == ASK_ERROR], &answer)) return false;
        break;
      case ASK_EXIT:
        take_exit(pump, &answer);
        break;
      case ASK_SIGNAL:
        if (pump->signals_asked > 0) pump->signals_asked--;
        break;
      case ASK_SIZE:
        pump->size_asked = false;
        break;
      case ASK_CHECK:
        take_check(pump);
        break;
    }
  }
  return true;
}
