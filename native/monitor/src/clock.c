#include "base.h"

#include <stdio.h>
#include <time.h>

void time_now(char text[TIME_SIZE]) {
  struct timespec now;
  struct tm fields;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &fields);
  size_t length = strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &fields);
  snprintf(text + length, TIME_SIZE - length, ".%09ldZ", now.tv_nsec);
}
