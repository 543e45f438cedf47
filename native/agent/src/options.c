#include "files.h"

#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static const struct {
  const char *word;
  unsigned long flags;
} words[] = {
  {"rw", 0},           {"ro", MS_RDONLY},          {"nosuid", MS_NOSUID},     {"nodev", MS_NODEV},       {"noexec", MS_NOEXEC},
  {"sync", MS_SYNCHRONOUS}, {"dirsync", MS_DIRSYNC}, {"noatime", MS_NOATIME}, {"nodiratime", MS_NODIRATIME}, {"relatime", MS_RELATIME},
  {"strictatime", MS_STRICTATIME}, {"lazytime", MS_LAZYTIME}, {"defaults", 0},
};

static bool is_flag(const char *option, unsigned long *flags) {
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (strcmp(option, words[i].word) != 0) continue;
    *flags |= words[i].flags;
    return true;
  }
  return false;
}

static bool add(struct mount_options *options, const char *text, size_t length) {
  size_t used = strlen(options->data);
  if (length >= sizeof options->data - used) return fail(CODE_INVALID_ARGUMENT, "the options of a mount have more than %d bytes", MOUNT_DATA_SIZE - 1);
  memcpy(options->data + used, text, length);
  options->data[used + length] = '\0';
  return true;
}

static bool make(const char *folder, const char *path) {
  char whole[PATH_SIZE];
  if (!print(whole, sizeof whole, "%s/%s", folder, path)) return fail(CODE_INVALID_ARGUMENT, "\"%s\" is too long", path);
  int fd = folder_make(whole, true);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

/* The kernel takes one page of options: the paths of many layers fit only if they are short. */
static bool add_directories(struct mount_options *options, const char *list, const char *folder, bool is_upper) {
  char path[PATH_SIZE];
  size_t skip = strlen(folder);
  for (const char *at = list;; at += strcspn(at, ":") + 1) {
    if (!print(path, sizeof path, "%.*s", (int)strcspn(at, ":"), at)) return fail(CODE_INVALID_ARGUMENT, "a directory of an overlay is too long");
    bool below = strncmp(path, folder, skip) == 0 && path[skip] == '/';
    const char *relative = below ? path + skip + 1 : path;
    if (*relative == '/' || *relative == '\0') return fail(CODE_INVALID_ARGUMENT, "\"%s\", a directory of an overlay, is not below \"%s\"", path, folder);
    if (is_upper && !make(folder, relative)) return false;
    if (at != list && !add(options, ":", 1)) return false;
    if (!add(options, relative, strlen(relative))) return false;
    if (at[strcspn(at, ":")] == '\0') return true;
  }
}

static bool add_option(struct mount_options *options, const char *option, const char *overlay_folder) {
  const char *value = strchr(option, '=');
  size_t key = value == NULL ? 0 : (size_t)(value - option) + 1;
  if (options->data[0] != '\0' && !add(options, ",", 1)) return false;
  bool is_lower = strncmp(option, "lowerdir=", 9) == 0;
  bool is_upper = strncmp(option, "upperdir=", 9) == 0 || strncmp(option, "workdir=", 8) == 0;
  if (overlay_folder == NULL || !(is_lower || is_upper)) return add(options, option, strlen(option));
  return add(options, option, key) && add_directories(options, option + key, overlay_folder, is_upper);
}

bool mount_options_read(struct view storage, const char *overlay_folder, struct mount_options *options) {
  static char option[64 * 1024];
  struct view rest = storage, bytes;
  options->flags = 0;
  options->data[0] = '\0';
  while (wire_each(&rest, 5, &bytes)) {
    if (!wire_text(bytes, "an option of a mount", option, sizeof option)) return false;
    if (option[0] == '\0' || verity_option(option) || is_flag(option, &options->flags)) continue;
    if (strchr(option, ',') != NULL) return fail(CODE_INVALID_ARGUMENT, "\"%s\": an option of a mount has a comma in it", option);
    if (!add_option(options, option, overlay_folder)) return false;
  }
  return true;
}
