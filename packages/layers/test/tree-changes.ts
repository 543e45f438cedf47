import {
  chmodSync,
  closeSync,
  constants,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { linux, O_PATH } from '@slipway/linux';
import fc from 'fast-check';

/** One thing that a program in a container might do to its files. */
export interface TreeChange {
  readonly what: (typeof whats)[number];
  readonly path: Buffer;
  readonly other: Buffer;
  readonly number: number;
}

const whats = [
  'write',
  'write',
  'append',
  'mkdir',
  'mkdir',
  'remove',
  'remove',
  'replace directory',
  'link',
  'link',
  'symlink',
  'rename',
  'chmod',
  'chown',
  'time',
  'xattr',
  'fifo',
  'device',
  'rewrite',
  'sparse',
] as const;

// Few names, so that changes meet each other; the last ones are no UTF-8, over ustar's fields, and such.
const name = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('a', 'b', 'c') },
  { weight: 1, arbitrary: fc.constantFrom('\xff\xfe', 'line\nfeed', 'n'.repeat(120), '\xe9'.repeat(250), 'a b', '-') },
);
export const treePath = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => Buffer.from(parts.join('/'), 'latin1'));

export const treeChange: fc.Arbitrary<TreeChange> = fc.record({
  what: fc.constantFrom(...whats),
  path: treePath,
  other: treePath,
  number: fc.nat(7),
});

const codes =
  /^(ENODATA|EEXIST|ENOENT|ENOTDIR|EISDIR|ENOTEMPTY|EXDEV|EINVAL|ELOOP|EPERM|ENOTSUP|EOPNOTSUPP|ENODEV|EBUSY|ENAMETOOLONG|ENXIO|ERR_FS_EISDIR)$/;

/** Does what the tree lets be done. */
export function makeChanges(root: string, changes: readonly TreeChange[]): void {
  for (const change of changes) {
    try {
      attempt(root, change);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && codes.test(String(error.code)))) throw error;
    }
  }
}

const modes = [0o755, 0o644, 0o4711, 0o2775, 0o1777, 0, 0o600, 0o7777];
const owners = [0, 1000, 2_097_152, 3_000_000_000, 65_534, 1, 50, 7];
const times = [
  0n,
  -1n,
  1_500_000_000n,
  -1_500_000_000n,
  1_700_000_000_123_456_789n,
  9_000_000_000_000_000_000n,
  7n,
  -3_000_000_000n,
];

function attempt(root: string, { what, path: relative, other, number }: TreeChange): void {
  const at = (name: Buffer): Buffer => Buffer.concat([Buffer.from(`${root}/`), name]);
  const path = at(relative);
  switch (what) {
    case 'write':
      writeFileSync(path, `${number}`.repeat(number * 100), { flag: 'wx' });
      break;
    case 'append':
      writeFileSync(path, `${number}`, { flag: 'r+' });
      break;
    case 'rewrite': {
      // Copied up, and the same as before.
      closeSync(openSync(path, 'r+'));
      break;
    }
    case 'sparse':
      writeFileSync(path, 'x', { flag: 'r+' });
      truncateSync(path, 70_000 * number);
      break;
    case 'mkdir':
      mkdirSync(path, { recursive: true });
      break;
    case 'remove':
      rmSync(path, { recursive: true });
      break;
    case 'replace directory':
      rmSync(path, { recursive: true });
      mkdirSync(path);
      break;
    case 'link':
      linkSync(path, at(other));
      break;
    case 'symlink':
      symlinkSync(Buffer.concat([other, Buffer.alloc(number * 30, '/x')]), path);
      break;
    case 'rename':
      renameSync(path, at(other));
      break;
    case 'chmod':
      chmodNoFollow(path, modes[number] ?? 0);
      break;
    case 'chown':
      lchownSync(path, owners[number] ?? 0, owners[7 - number] ?? 0);
      break;
    case 'time':
      linux.lutimes(path, 0n, times[number] ?? 0n);
      break;
    case 'xattr':
      if (number < 6) linux.lsetxattr(path, `trusted.x${number}`, Buffer.from([0, 0xff, 0x0a, number]));
      else linux.lremovexattr(path, 'trusted.x0');
      break;
    case 'fifo':
      linux.mknod(path, 0o010600, 0, 0);
      break;
    case 'device':
      // Of the numbers that no driver has: what is opened by name must lead nowhere.
      linux.mknod(path, 0o020600, 240 + number, 1 << number);
      break;
  }
}

function chmodNoFollow(path: Buffer, mode: number): void {
  // To open a fifo for reading would wait for a writer.
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    chmodSync(`/proc/self/fd/${fd}`, mode);
  } finally {
    closeSync(fd);
  }
}
