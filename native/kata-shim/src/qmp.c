#include "vm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void qmp_open(struct qmp *qmp, int fd) {
  *qmp = (struct qmp){.fd = fd, .passed_fd = -1};
}

bool qmp_ask(struct qmp *qmp, const char *line, int fd) {
  int length = snprintf(qmp->out, sizeof qmp->out, "%s\n", line);
  if (length < 0 || (size_t)length >= sizeof qmp->out) return false;
  qmp->out_length = (size_t)length;
  qmp->out_sent = 0;
  qmp->passed_fd = fd;
  qmp->asked = true;
  return true;
}

static ssize_t send_some(struct qmp *qmp) {
  struct iovec part = {.iov_base = qmp->out + qmp->out_sent, .iov_len = qmp->out_length - qmp->out_sent};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } room = {0};
  if (qmp->passed_fd >= 0) {
    message.msg_control = room.bytes;
    message.msg_controllen = sizeof room.bytes;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &qmp->passed_fd, sizeof(int));
  }
  return sendmsg(qmp->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* What cannot be said is found out by the end of the answers. */
static void flush(struct qmp *qmp) {
  while (qmp->fd >= 0 && qmp->out_sent < qmp->out_length) {
    ssize_t sent = send_some(qmp);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return;
    qmp->passed_fd = -1;
    qmp->out_sent += (size_t)sent;
  }
}

void qmp_poll(const struct qmp *qmp, struct poll_set *set) {
  poll_add(set, qmp->fd, (short)(POLLIN | (qmp->out_sent < qmp->out_length ? POLLOUT : 0)));
}

static enum qmp_said broken(struct qmp *qmp, const char *why) {
  copy(qmp->error, sizeof qmp->error, why);
  close_one(&qmp->fd);
  return QMP_BROKEN;
}

static enum qmp_said understand(struct qmp *qmp) {
  if (json_member(qmp->in, "QMP") != NULL && !qmp->ready && !qmp->asked) {
    qmp_ask(qmp, "{\"execute\":\"qmp_capabilities\"}", -1);
    flush(qmp);
    return QMP_NOTHING;
  }
  const char *error = json_member(qmp->in, "error");
  bool answers = error != NULL || json_member(qmp->in, "return") != NULL;
  if (!answers || !qmp->asked) return QMP_NOTHING;
  qmp->asked = false;
  if (error != NULL) {
    struct text text = {.bytes = qmp->error, .size = sizeof qmp->error};
    char words[400] = "no more";
    json_string(json_member(error, "desc"), words, sizeof words);
    text_add_plain(&text, words, strlen(words));
    return QMP_ERROR;
  }
  if (qmp->ready) return QMP_RETURN;
  qmp->ready = true;
  return QMP_NOTHING;
}

enum qmp_said qmp_step(struct qmp *qmp) {
  flush(qmp);
  for (int rounds = 0; qmp->fd >= 0 && rounds < 64; rounds++) {
    memmove(qmp->in, qmp->in + qmp->line_length, qmp->in_length - qmp->line_length);
    qmp->in_length -= qmp->line_length;
    qmp->line_length = 0;
    char *newline = memchr(qmp->in, '\n', qmp->in_length);
    if (newline != NULL) {
      *newline = '\0';
      qmp->line_length = (size_t)(newline + 1 - qmp->in);
      enum qmp_said said = understand(qmp);
      if (said != QMP_NOTHING) return said;
      continue;
    }
    if (qmp->in_length == sizeof qmp->in) return broken(qmp, "a line of more than 16 KiB");
    ssize_t got = recv(qmp->fd, qmp->in + qmp->in_length, sizeof qmp->in - qmp->in_length, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return QMP_NOTHING;
    if (got <= 0) return broken(qmp, "it was closed");
    qmp->in_length += (size_t)got;
  }
  return QMP_NOTHING;
}

const char *qmp_value(const struct qmp *qmp) { return json_member(qmp->in, "return"); }
