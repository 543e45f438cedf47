import { constants } from 'node:fs';

// The values below are the same on amd64 and arm64 (asm-generic); O_DIRECTORY and O_NOFOLLOW are not and come from Node.
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
export const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_EMPTY_PATH = 0x1000;

/** Magic numbers that statfs(2) answers. */
export const OVERLAYFS_SUPER_MAGIC = 0x794c7630;
export const TMPFS_MAGIC = 0x01021994;
