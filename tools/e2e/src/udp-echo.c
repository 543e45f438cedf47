/* Sends every datagram back, IPv4 and IPv6, on port 7000. For containers whose image has no program that could. */
#include <arpa/inet.h>
#include <sys/socket.h>

int main(void) {
  static char bytes[65536];
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(7000)};
  int fd = socket(AF_INET6, SOCK_DGRAM, 0);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) return 1;
  for (;;) {
    socklen_t length = sizeof address;
    ssize_t got = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&address, &length);
    if (got >= 0) sendto(fd, bytes, (size_t)got, 0, (struct sockaddr *)&address, length);
  }
}
