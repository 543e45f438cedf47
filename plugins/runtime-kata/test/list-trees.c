/*
 * Lists the tree below each of its arguments, for a guest in which nothing else is. A line for each object, its fields with a space between them, bytes as hexadecimal digits after an x:
 * tree path mode uid gid seconds nanoseconds links device inode rdev size sha256 content|target [name=value]...
 * `content` is that of a file of up to 200 bytes. What cannot be read ends the program.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SHORT 200

/* ---- SHA-256 (FIPS 180-4) ---- */

static const uint32_t rounds[64] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t turned(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void hash_block(uint32_t state[8], const unsigned char *block) {
  uint32_t w[64], s[8];
  for (int i = 0; i < 16; i++) w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
  for (int i = 16; i < 64; i++)
    w[i] = w[i - 16] + w[i - 7] + (turned(w[i - 15], 7) ^ turned(w[i - 15], 18) ^ w[i - 15] >> 3) + (turned(w[i - 2], 17) ^ turned(w[i - 2], 19) ^ w[i - 2] >> 10);
  memcpy(s, state, sizeof s);
  for (int i = 0; i < 64; i++) {
    uint32_t one = s[7] + (turned(s[4], 6) ^ turned(s[4], 11) ^ turned(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + rounds[i] + w[i];
    uint32_t two = (turned(s[0], 2) ^ turned(s[0], 13) ^ turned(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 7 * sizeof *s);
    s[4] += one;
    s[0] = one + two;
  }
  for (int i = 0; i < 8; i++) state[i] += s[i];
}

/* ---- listing ---- */

static void fail(const char *what, const char *path) {
  fprintf(stderr, "%s \"%s\": %s\n", what, path, strerror(errno));
  exit(1);
}

static void print_bytes(const void *bytes, size_t length) {
  static const char digits[] = "0123456789abcdef";
  putchar('x');
  for (size_t i = 0; i < length; i++) {
    putchar(digits[((const unsigned char *)bytes)[i] >> 4]);
    putchar(digits[((const unsigned char *)bytes)[i] & 15]);
  }
}

static void print_content(const char *path) {
  static unsigned char data[1 << 16];
  unsigned char first[SHORT], last[128] = {0};
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint64_t total = 0;
  size_t filled = 0, kept = 0;
  ssize_t got;
  int fd = open(path, O_RDONLY | O_NOFOLLOW);
  if (fd < 0) fail("open", path);
  while ((got = read(fd, data + filled, sizeof data - filled)) > 0) {
    if (kept < SHORT) {
      size_t more = (size_t)got < SHORT - kept ? (size_t)got : SHORT - kept;
      memcpy(first + kept, data + filled, more);
      kept += more;
    }
    total += (uint64_t)got;
    filled += (size_t)got;
    size_t done = filled / 64 * 64;
    for (size_t at = 0; at < done; at += 64) hash_block(state, data + at);
    memmove(data, data + done, filled - done);
    filled -= done;
  }
  if (got < 0) fail("read", path);
  close(fd);
  memcpy(last, data, filled);
  last[filled] = 0x80;
  size_t blocks = filled < 56 ? 1 : 2;
  for (int i = 0; i < 8; i++) last[64 * blocks - 1 - (size_t)i] = (unsigned char)(8 * total >> 8 * i);
  for (size_t i = 0; i < blocks; i++) hash_block(state, last + 64 * i);
  printf(" %llu ", (unsigned long long)total);
  for (int i = 0; i < 8; i++) printf("%08x", state[i]);
  putchar(' ');
  print_bytes(first, total <= SHORT ? kept : 0);
}

static void print_xattrs(const char *path) {
  static char names[1 << 16], value[1 << 16];
  ssize_t length = llistxattr(path, names, sizeof names);
  if (length < 0) fail("list the attributes of", path);
  for (char *name = names; name < names + length; name += strlen(name) + 1) {
    ssize_t size = lgetxattr(path, name, value, sizeof value);
    if (size < 0) fail("read an attribute of", path);
    putchar(' ');
    print_bytes(name, strlen(name));
    putchar('=');
    print_bytes(value, (size_t)size);
  }
}

static void list(const char *tree, char *path, size_t root, size_t length) {
  struct stat status;
  if (lstat(path, &status) < 0) fail("look at", path);
  printf("%s ", tree);
  print_bytes(path + root, length - root);
  printf(" %o %u %u %lld %ld %lu %llu %llu %llu", status.st_mode, status.st_uid, status.st_gid, (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec, (unsigned long)status.st_nlink,
         (unsigned long long)status.st_dev, (unsigned long long)status.st_ino, (unsigned long long)status.st_rdev);
  if (S_ISREG(status.st_mode)) {
    print_content(path);
  } else {
    char target[4096];
    ssize_t size = S_ISLNK(status.st_mode) ? readlink(path, target, sizeof target) : 0;
    if (size < 0) fail("read the link", path);
    printf(" %lld - ", (long long)status.st_size);
    print_bytes(target, (size_t)size);
  }
  print_xattrs(path);
  putchar('\n');
  if (!S_ISDIR(status.st_mode)) return;
  struct dirent **entries;
  int count = scandir(path, &entries, NULL, NULL);
  if (count < 0) fail("read the folder", path);
  for (int i = 0; i < count; i++) {
    const char *name = entries[i]->d_name;
    if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
      path[length] = '/';
      strcpy(path + length + 1, name);
      list(tree, path, root, length + 1 + strlen(name));
      path[length] = '\0';
    }
    free(entries[i]);
  }
  free(entries);
}

int main(int count, char **trees) {
  static char path[1 << 14];
  for (int i = 1; i < count; i++) {
    strcpy(path, trees[i]);
    list(trees[i], path, strlen(path), strlen(path));
  }
  return fflush(stdout) == 0 ? 0 : 1;
}
