#include "base.h"

#include <stdio.h>
#include <time.h>

int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void time_now(char text[TIME_SIZE]) {
  struct timespec now;
  struct tm fields;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &fields);
  size_t length = strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &fields);
  snprintf(text + length, TIME_SIZE - length, ".%09ldZ", now.tv_nsec);
}
