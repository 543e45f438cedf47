import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { linux } from '@slipway/linux';
import type { TreeListing } from '../trees/tree-listing.js';

/** A change to the tree of the base layer that a layer must be able to say. */
export interface ChangeCase {
  readonly name: string;
  readonly change: (path: string) => void;
  /** A name that has changed then, and how. Catches a change that was never made. */
  readonly seen: (tree: TreeListing) => boolean;
}

const inPath = (path: string, name: Buffer): Buffer => Buffer.concat([Buffer.from(`${path}/`), name]);
const odd = Buffer.from([0x6f, 0xff, 0x0a, 0xfe]);
const longName = 'n'.repeat(255);

export const changeCases: readonly ChangeCase[] = [
  {
    name: 'a mode alone',
    change: (path) => {
      chmodSync(`${path}/file`, 0o4711);
      chmodSync(`${path}/dir`, 0o1777);
    },
    seen: (tree) => tree['file']?.mode === '4711' && tree['dir']?.mode === '1777',
  },
  {
    name: 'an owner alone',
    change: (path) => {
      chownSync(`${path}/file`, 3_000_000, 12);
      chownSync(`${path}/keep`, 1, 2);
    },
    seen: (tree) => tree['file']?.owner === '3000000:12',
  },
  {
    name: 'a time alone, to the nanosecond and before 1970',
    change: (path) => {
      linux.lutimes(`${path}/file`, 0n, 1_600_000_000_123_456_789n);
      linux.lutimes(`${path}/dir`, 0n, -1_250_000_001n);
      linux.lutimes(`${path}/lnkdir`, 0n, 7n);
    },
    seen: (tree) => tree['dir']?.mtime === -1_250_000_001n && tree['lnkdir']?.mtime === 7n,
  },
  {
    name: 'an extended attribute alone: new, other and removed',
    change: (path) => {
      linux.lsetxattr(`${path}/slipway-laws/passwd`, 'user.bytes', Buffer.from([0, 255, 10, 61]));
      linux.lsetxattr(`${path}/file`, 'user.f', Buffer.from('other'));
      linux.lremovexattr(`${path}/dir`, 'user.kept');
    },
    seen: (tree) => tree['slipway-laws/passwd']?.xattrs !== undefined && tree['dir']?.xattrs === undefined,
  },
  {
    name: 'content of the same size and time',
    change: (path) => {
      const { atime, mtime } = lstatSync(`${path}/dir/low`);
      writeFileSync(`${path}/dir/low`, 'LOW');
      utimesSync(`${path}/dir/low`, atime, mtime);
    },
    seen: (tree) => tree['dir/low']?.content === 'LOW',
  },
  {
    name: 'a deleted tree',
    change: (path) => rmSync(`${path}/dir`, { recursive: true }),
    seen: (tree) => tree['dir'] === undefined,
  },
  {
    name: 'a deleted tree that is made anew',
    change: (path) => {
      rmSync(`${path}/dir`, { recursive: true });
      mkdirSync(`${path}/dir`);
      writeFileSync(`${path}/dir/n`, 'n');
    },
    seen: (tree) => tree['dir/low'] === undefined && tree['dir/n'] !== undefined,
  },
  {
    name: 'everything deleted',
    change: (path) => {
      for (const name of ['slipway-laws', 'dir', 'lnkdir', 'abs', 'file', 'keep']) rmSync(`${path}/${name}`, { recursive: true });
    },
    seen: (tree) => Object.keys(tree).length === 1,
  },
  {
    name: 'types that are others',
    change: (path) => {
      rmSync(`${path}/dir`, { recursive: true });
      writeFileSync(`${path}/dir`, 'file');
      unlinkSync(`${path}/file`);
      mkdirSync(`${path}/file`);
      writeFileSync(`${path}/file/in`, 'in');
      unlinkSync(`${path}/abs`);
      mkdirSync(`${path}/abs`);
      unlinkSync(`${path}/lnkdir`);
      writeFileSync(`${path}/lnkdir`, '');
      unlinkSync(`${path}/slipway-laws/passwd`);
      symlinkSync('shadow', `${path}/slipway-laws/passwd`);
    },
    seen: (tree) =>
      tree['dir']?.type === 'file' && tree['file']?.type === 'directory' && tree['slipway-laws/passwd']?.type === 'symlink',
  },
  {
    name: 'hard links: new ones, to new files and to old ones',
    change: (path) => {
      writeFileSync(`${path}/one`, 'one');
      linkSync(`${path}/one`, `${path}/dir/two`);
      linkSync(`${path}/file`, `${path}/keep/again`);
      symlinkSync('x', `${path}/soft`);
      linkSync(`${path}/soft`, `${path}/soft2`);
    },
    seen: (tree) => tree['one']?.sameAs === 'dir/two' && tree['keep/again']?.sameAs === 'file',
  },
  {
    name: 'devices, fifos and setuid',
    change: (path) => {
      linux.mknod(`${path}/null`, 0o20666, 1, 3);
      linux.mknod(`${path}/disk`, 0o60660, 8, 1);
      linux.mknod(`${path}/fifo`, 0o10620, 0, 0);
      writeFileSync(`${path}/suid`, '');
      chownSync(`${path}/suid`, 1000, 1000);
      chmodSync(`${path}/suid`, 0o6755);
      linux.lsetxattr(`${path}/suid`, 'security.capability', Buffer.from('0100000200040000000000000000000000000000', 'hex'));
    },
    seen: (tree) => tree['fifo']?.type === 'fifo' && tree['suid']?.mode === '6755',
  },
  {
    name: 'names of odd bytes, of 255 bytes, and long paths and links',
    change: (path) => {
      writeFileSync(inPath(path, odd), 'odd');
      symlinkSync(odd, `${path}/to`);
      mkdirSync(`${path}/${longName}/${longName}/${longName}`, { recursive: true });
      writeFileSync(`${path}/${longName}/${longName}/${longName}/leaf`, 'leaf');
      symlinkSync(`${'l'.repeat(300)}/x`, `${path}/long`);
    },
    seen: (tree) => tree[odd.toString('latin1')]?.content === 'odd',
  },
  {
    name: 'large and sparse content',
    change: (path) => {
      writeFileSync(`${path}/large`, Buffer.alloc(3_000_001, 'large file '));
      writeFileSync(`${path}/sparse`, 'start');
      truncateSync(`${path}/sparse`, 20_000_000);
      writeFileSync(`${path}/file`, `${readFileSync(`${path}/file`, 'utf8')}, and more`);
    },
    seen: (tree) => tree['sparse']?.content?.startsWith('20000000 ') === true,
  },
  {
    name: 'attributes of the root',
    change: (path) => {
      chownSync(`${path}/.`, 3, 4);
      chmodSync(`${path}/.`, 0o711);
      linux.lutimes(`${path}/.`, 0n, 1_000_000_007n);
    },
    seen: (tree) => tree['.']?.mode === '711' && tree['.'].mtime === 1_000_000_007n,
  },
];
