import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import { TreeJobs } from '@slipway/snapshots';
import { describe, expect, it } from 'vitest';
import { tempFolder } from './temp.ts';

function folders(): { readonly from: string; readonly to: string } {
  const top = tempFolder();
  const [from, to] = [join(top, 'from'), join(top, 'to')];
  mkdirSync(from);
  mkdirSync(to);
  return { from, to };
}

const within = (folder: string, name: Buffer): Buffer => Buffer.concat([Buffer.from(`${folder}/`), name]);

/** Everything that stat and the attributes tell of a tree, but inode numbers, change times and what reading changes. */
function listing(folder: string): string {
  const find = execFileSync('find', ['.', '-printf', '%P\\0%y %m %U:%G %s %n %T@ %l\\0'], { cwd: folder, encoding: 'latin1' });
  const attributes = execFileSync('getfattr', ['-Rhd', '-m-', '-e', 'hex', '.'], { cwd: folder, encoding: 'latin1' });
  // Directory sizes depend on the order of creation.
  const lines = find.split('\0').map((line) => line.replace(/^(d \d+ \d+:\d+) \d+/, '$1'));
  const files = lines.flatMap((line, i) => (i % 2 === 0 ? [`${line}\t${lines[i + 1]}`] : []));
  return [...files.sort((a, b) => (a < b ? -1 : 1)), ...attributes.split('\n\n').sort((a, b) => (a < b ? -1 : 1))].join('\n');
}

describe('a flush', () => {
  it('is of a folder, and opens nothing that somebody has put in its place', async () => {
    await using jobs = new TreeJobs();
    const { from, to } = folders();
    await jobs.sync(from);
    execFileSync('mkfifo', [join(to, 'fifo')]);
    symlinkSync(from, join(to, 'link'));
    symlinkSync('fifo', join(to, 'to fifo'));
    for (const name of ['fifo', 'link', 'to fifo'])
      await expect(jobs.sync(join(to, name))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });
});

describe('a copy', () => {
  it('is the tree exactly', async () => {
    await using jobs = new TreeJobs();
    const { from, to } = folders();
    writeFileSync(within(from, Buffer.from([0xff, 0x0a, 0x41])), 'not UTF-8');
    symlinkSync(Buffer.from([0x2f, 0xfe]), within(from, Buffer.from([0xfd])));
    mkdirSync(join(from, 'a/b'), { recursive: true });
    writeFileSync(join(from, 'a/one'), 'content');
    linkSync(join(from, 'a/one'), join(from, 'two'));
    linkSync(join(from, 'a/one'), join(from, 'a/b/three'));
    symlinkSync('nowhere', join(from, 'soft'));
    linkSync(join(from, 'soft'), join(from, 'soft again'));
    linux.mknod(join(from, 'block'), 0o60640, 8, 300);
    linux.mknod(join(from, 'whiteout'), 0o20000, 0, 0);
    linux.mknod(join(from, 'fifo'), 0o10644, 0, 0);
    linux.mknod(join(from, 'socket'), 0o140755, 0, 0);
    writeFileSync(join(from, 'setuid'), '');
    chownSync(join(from, 'setuid'), 1000, 100);
    chmodSync(join(from, 'setuid'), 0o6755);
    linux.lsetxattr(join(from, 'setuid'), 'security.capability', Buffer.from('0100000200040000000000000000000000000000', 'hex'));
    linux.lsetxattr(join(from, 'soft'), 'trusted.on-link', Buffer.from([0, 1]));
    chmodSync(join(from, 'a/b'), 0o2000);
    for (const name of ['a/one', 'soft', 'block', 'fifo', 'setuid', 'a/b', 'a', '.']) {
      linux.lutimes(join(from, name), 1n, -987_654_321_012n);
    }
    await jobs.copy(from, to);
    expect(listing(to)).toBe(listing(from));
    expect(statSync(join(to, 'two')).ino).toBe(statSync(join(to, 'a/b/three')).ino);
    expect(lstatSync(join(to, 'whiteout')).rdev).toBe(0);
    expect(statSync(join(from, 'two')).nlink).toBe(3);
  });

  it('hands no default ACL or setgid bit on to what has none', async () => {
    await using jobs = new TreeJobs();
    const { from, to } = folders();
    mkdirSync(join(from, 'd/sub'), { recursive: true });
    writeFileSync(join(from, 'd/plain'), '');
    chownSync(join(from, 'd'), 0, 50);
    chmodSync(join(from, 'd'), 0o2775);
    // user::rwx user:1000:rwx group::r-x mask::rwx other::---, as the kernel stores it.
    const acl =
      '02000000' + '01000700ffffffff' + '02000700e8030000' + '04000500ffffffff' + '10000700ffffffff' + '20000000ffffffff';
    linux.lsetxattr(join(from, 'd'), 'system.posix_acl_default', Buffer.from(acl, 'hex'));
    linux.lsetxattr(join(from, 'd'), 'system.posix_acl_access', Buffer.from(acl, 'hex'));
    await jobs.copy(from, to);
    expect(listing(to)).toBe(listing(from));
    expect(linux.llistxattr(join(to, 'd/plain'))).toEqual([]);
  });

  it('keeps holes, and leaves the source’s access times', async () => {
    await using jobs = new TreeJobs();
    const { from, to } = folders();
    const fd = openSync(join(from, 'sparse'), 'w');
    ftruncateSync(fd, 1 << 30);
    writeSync(fd, 'in the middle', 1 << 29);
    closeSync(fd);
    linux.lutimes(join(from, 'sparse'), 5n, 5n);
    await jobs.copy(from, to);
    const copied = statSync(join(to, 'sparse'));
    expect([copied.size, copied.blocks]).toEqual([1 << 30, statSync(join(from, 'sparse')).blocks]);
    expect(lstatSync(join(from, 'sparse'), { bigint: true }).atimeNs).toBe(5n);
  });

  it('takes trees deeper than a path may be long, and so do measuring and removing', async () => {
    await using jobs = new TreeJobs();
    const { from, to } = folders();
    const depth = 600;
    execFileSync(
      'sh',
      [
        '-c',
        `i=0; while [ $i -lt ${depth} ]; do mkdir directory && cd -P directory || exit 1; i=$((i+1)); done; echo deep > file`,
      ],
      { cwd: from },
    );
    await jobs.copy(from, to);
    expect(await jobs.measure(to)).toMatchObject({ inodes: depth + 2 });
    await jobs.remove(to);
    await jobs.remove(from);
    expect([existsSync(from), existsSync(to)]).toEqual([false, false]);
  });

  it('follows no link out of the tree', async () => {
    await using jobs = new TreeJobs();
    const { from, to } = folders();
    const outside = join(tempFolder(), 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'file'), 'kept');
    symlinkSync(outside, join(from, 'link'));
    await jobs.copy(from, to);
    await jobs.remove(from);
    await jobs.remove(to);
    expect(readFileSync(join(outside, 'file'), 'utf8')).toBe('kept');
  });

  it('leaves the event loop free, and says what failed', async () => {
    await using jobs = new TreeJobs();
    const { from, to } = folders();
    for (let i = 0; i < 3000; i++) writeFileSync(join(from, `file${i}`), String(i));
    let turns = 0;
    const ticking = setInterval(() => turns++, 1);
    await jobs.copy(from, to);
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(1);
    expect(readdirSync(to)).toHaveLength(3000);
    await expect(jobs.copy(join(from, 'missing'), to)).rejects.toMatchObject({ code: 'ENOENT', syscall: 'lstat', errno: -2 });
  });

  it('is canceled when the work is given up', async () => {
    const jobs = new TreeJobs();
    const { from, to } = folders();
    for (let i = 0; i < 3000; i++) writeFileSync(join(from, `file${i}`), String(i));
    const outcome = expect(jobs.copy(from, to)).rejects.toMatchObject({ kind: 'canceled' });
    await jobs[Symbol.asyncDispose]();
    await outcome;
  });
});

describe('measuring', () => {
  it('counts a file with several links once', async () => {
    await using jobs = new TreeJobs();
    const { from } = folders();
    const empty = await jobs.measure(from);
    writeFileSync(join(from, 'a'), Buffer.alloc(100_000, 1));
    linkSync(join(from, 'a'), join(from, 'b'));
    const { bytes, inodes } = await jobs.measure(from);
    expect(inodes - empty.inodes).toBe(1);
    expect(bytes - empty.bytes).toBe(statSync(join(from, 'a')).blocks * 512);
  });
});

describe('measuring what a container does to its tree', () => {
  it('goes on when names come and go', async () => {
    await using jobs = new TreeJobs();
    const { from } = folders();
    const outside = join(tempFolder(), 'outside');
    for (let index = 0; index < 100; index++) mkdirSync(join(outside, `${index}`), { recursive: true });
    const swap = `i=0; while :; do mkdir -p d/e$i/f; ln -s ${outside} l; mv d x; ln -s ${outside} d; rm d l; rm -r x; i=$((i+1)); done`;
    const container = spawn('sh', ['-c', swap], { cwd: from, stdio: 'ignore', detached: true });
    try {
      // The root and three names, two of them with three inodes; a folder that is moved meanwhile is met under both names, and one that is
      // made anew while the root is read once more. What lies outside is a hundred.
      for (let round = 0; round < 100; round++) expect((await jobs.measure(from)).inodes).toBeLessThan(20);
    } finally {
      // With what the shell has just started, which would go on making names.
      process.kill(-(container.pid ?? 0), 'SIGKILL');
      await once(container, 'close');
    }
  });
});

describe('removing', () => {
  it('takes a tree of any depth: a container that made folder in folder left a snapshot that nothing could measure or remove', async () => {
    await using jobs = new TreeJobs();
    const { from, to } = folders();
    // Grown at its root, where paths stay short. With something beside the way down, to come back to.
    for (let depth = 0; depth < 20_000; depth++) {
      mkdirSync(join(to, 'outer'));
      if (depth % 50 === 0) mkdirSync(join(to, 'outer/beside'));
      if (depth > 0) renameSync(join(from, 'deep'), join(to, 'outer/deep'));
      renameSync(join(to, 'outer'), join(from, 'deep'));
    }
    expect(await jobs.measure(from)).toMatchObject({ inodes: 1 + 20_000 + 400 });
    await jobs.remove(from);
    expect(existsSync(from)).toBe(false);
  });
});
