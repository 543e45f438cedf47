export const OPEN_TREE_CLONE = 1;

export const MOUNT_ATTR_RDONLY = 0x1;
export const MOUNT_ATTR_NOSUID = 0x2;
export const MOUNT_ATTR_NODEV = 0x4;
export const MOUNT_ATTR_NOEXEC = 0x8;

/** Option words of mount(8) that belong to the mount and not to the file system. */
export const mountAttributes: Readonly<Record<string, number>> = {
  ro: MOUNT_ATTR_RDONLY,
  nosuid: MOUNT_ATTR_NOSUID,
  nodev: MOUNT_ATTR_NODEV,
  noexec: MOUNT_ATTR_NOEXEC,
  noatime: 0x10,
  strictatime: 0x20,
  nodiratime: 0x80,
  nosymfollow: 0x200000,
};

/** Words that say what is so without them. */
export const defaultWords: ReadonlySet<string> = new Set([
  'rw',
  'suid',
  'dev',
  'exec',
  'relatime',
  'diratime',
  'async',
  'defaults',
]);

/** Option words that are flags of the file system. */
export const superblockWords: ReadonlySet<string> = new Set(['sync', 'dirsync', 'lazytime', 'mand']);
