import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { linux } from '@slipway/linux';

/** What a program's format can hold of a tree. */
export interface TreeFeatures {
  readonly longNames: boolean;
  readonly bytes: boolean;
  readonly largeIds: boolean;
  readonly nanoseconds: boolean;
  readonly beforeEpoch: boolean;
  readonly xattrs: boolean;
}

export const everything: TreeFeatures = {
  longNames: true,
  bytes: true,
  largeIds: true,
  nanoseconds: true,
  beforeEpoch: true,
  xattrs: true,
};

/** A tree with one of each thing that layers have. */
export function makeOddTree(root: string, features: TreeFeatures): void {
  const at = (name: Buffer | string): Buffer => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name)]);
  mkdirSync(`${root}/dir/deep`, { recursive: true });
  writeFileSync(`${root}/file`, 'content');
  writeFileSync(`${root}/empty`, '');
  writeFileSync(`${root}/block`, 'x'.repeat(512));
  writeFileSync(`${root}/dir/deep/big`, Buffer.alloc(300_000, 'abc'));
  writeFileSync(`${root}/setuid`, '#!');
  lchownSync(`${root}/setuid`, 1000, 50);
  chmodSync(`${root}/setuid`, 0o4751);
  chmodSync(`${root}/dir`, 0o2775);
  symlinkSync('../file', `${root}/dir/link`);
  lchownSync(`${root}/dir/link`, 7, 8);
  linkSync(`${root}/file`, `${root}/dir/hard`);
  execFileSync('mkfifo', ['-m', '600', `${root}/fifo`]);
  linux.mknod(`${root}/null`, 0o020666, 1, 3);
  linux.mknod(`${root}/disk`, 0o060640, 259, 7);
  writeFileSync(`${root}/with space and 'quotes" \\ and \t tab`, '');
  const names: (Buffer | string)[] = ['file', 'dir', 'dir/link'];
  if (features.longNames) {
    mkdirSync(`${root}/${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(200)}`, { recursive: true });
    writeFileSync(`${root}/${'d'.repeat(90)}/${'e'.repeat(90)}/short`, 'prefix');
    writeFileSync(`${root}/${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(200)}/${'g'.repeat(255)}`, 'long');
    writeFileSync(`${root}/${'n'.repeat(100)}`, 'just fits');
    symlinkSync('t'.repeat(180), `${root}/longlink`);
    linkSync(`${root}/${'d'.repeat(90)}/${'e'.repeat(90)}/short`, `${root}/long-hard`);
  }
  if (features.bytes) {
    writeFileSync(at(Buffer.from([0xff, 0x2d, 0xe9])), 'no UTF-8');
    writeFileSync(at(Buffer.concat([Buffer.alloc(150, 0xfe), Buffer.from('long')])), 'no UTF-8, and long');
    writeFileSync(at('\u00e9t\u00e9 \u{1f600}'), 'UTF-8');
    writeFileSync(at('line\nfeed'), 'a line feed');
    symlinkSync(Buffer.from([0x2f, 0xff, 0xfe]), at('to-bytes'));
  }
  if (features.largeIds) lchownSync(`${root}/block`, 3_000_000, 4_294_967_294);
  if (features.nanoseconds) for (const name of names) linux.lutimes(at(name), 0n, 1_600_000_000_123_456_789n);
  else for (const name of [...names, 'block', 'setuid']) linux.lutimes(at(name), 0n, 1_600_000_000_000_000_000n);
  if (features.beforeEpoch) linux.lutimes(`${root}/empty`, 0n, -1_500_000_000n);
  if (features.xattrs) {
    linux.lsetxattr(`${root}/file`, 'user.bytes', Buffer.from([0, 255, 10, 61]));
    linux.lsetxattr(`${root}/setuid`, 'security.capability', Buffer.from('0100000200040000000000000000000000000000', 'hex'));
    linux.lsetxattr(`${root}/dir`, 'user.empty', Buffer.alloc(0));
  }
}

export function addSparseFiles(root: string): void {
  const sparse = openSync(`${root}/sparse`, 'w');
  for (let hole = 0; hole < 40; hole++) writeSync(sparse, `data ${hole}`, hole * 1_000_000);
  ftruncateSync(sparse, 50_000_000);
  closeSync(sparse);
}

/** Programs that keep no fractions of a second round them off: so that trees can be compared, none has any. */
export function wholeSeconds(root: string): void {
  execFileSync('find', [root, '-depth', '-exec', 'touch', '-h', '-d', '@1500000000', '{}', '+']);
}
