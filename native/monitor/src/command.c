#include "tools.h"

#include <string.h>

void command_set(struct command *command, char *const strings[], int64_t limit_ms) {
  size_t used = 0, count = 0;
  for (; strings[count] != NULL; count++) {
    size_t size = strlen(strings[count]) + 1;
    command->argv[count] = memcpy(command->strings + used, strings[count], size);
    used += size;
  }
  command->argv[count] = NULL;
  command->limit_ms = limit_ms;
}

bool command_is_set(const struct command *command) { return command->argv[0] != NULL; }
