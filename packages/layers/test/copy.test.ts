import { spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { packTree, type UnpackTreeOptions, unpackTree } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { describe, expect, test } from 'vitest';
import { everything, makeOddTree } from './odd-tree.js';
import { tar } from './tar-builder.js';
import { hardLinks, list } from './tree-listing.js';

/** A root that stands for a container's, and a folder beside it that nothing may reach. */
class Trees implements Disposable {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-copy-'));
  readonly root = this.make('root');
  readonly outside = this.make('outside');
  readonly fd = openSync(this.root, constants.O_RDONLY | constants.O_DIRECTORY);

  constructor() {
    writeFileSync(`${this.outside}/secret`, 'of the host');
  }

  make(name: string): string {
    const folder = path.join(this.folder, name);
    mkdirSync(folder);
    return folder;
  }

  pack(name: string, as = name): Buffer {
    return Buffer.concat([...packTree({ directory: this.fd, name, as }, { system: linux })]);
  }

  unpack(archive: Buffer, options: Partial<UnpackTreeOptions> = {}): Promise<void> {
    return unpackTree([archive], { system: linux, root: this.fd, directory: '/', privileges: true, ...options });
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const descriptors = (): number => readdirSync('/proc/self/fd').length;

test('everything that a tree can have comes back as it was', async () => {
  using trees = new Trees();
  mkdirSync(`${trees.root}/odd`);
  makeOddTree(`${trees.root}/odd`, everything);
  const before = descriptors();
  const archive = trees.pack('odd');
  await trees.unpack(archive, { as: 'again' });
  expect(descriptors()).toBe(before);
  const [first, second] = [list(`${trees.root}/odd`), list(`${trees.root}/again`)];
  expect(second).toEqual(first);
  expect(hardLinks(`${trees.root}/again`)).toEqual(hardLinks(`${trees.root}/odd`));
});

test('of content alone the folder keeps its own attributes, of a file the name can be another', async () => {
  using trees = new Trees();
  mkdirSync(`${trees.root}/from`, { mode: 0o700 });
  writeFileSync(`${trees.root}/from/a`, 'a');
  mkdirSync(`${trees.root}/to`, { mode: 0o711 });
  await trees.unpack(trees.pack('from', '.'), { directory: '/to' });
  expect(readFileSync(`${trees.root}/to/a`, 'utf8')).toBe('a');
  expect(statSync(`${trees.root}/to`).mode & 0o777).toBe(0o711);
  await trees.unpack(trees.pack('from'), { directory: '/to', as: '.' });
  await trees.unpack(tar({ name: 'x', body: 'x' }), { as: 'y' });
  expect(readFileSync(`${trees.root}/y`, 'utf8')).toBe('x');
});

test('a file that is nothing but a hole stays one', async () => {
  using trees = new Trees();
  writeFileSync(`${trees.root}/hole`, 'begin');
  truncateSync(`${trees.root}/hole`, 64 << 20);
  await trees.unpack(trees.pack('hole'), { as: 'again' });
  const { size, blocks } = statSync(`${trees.root}/again`);
  expect(size).toBe(64 << 20);
  expect(blocks * 512).toBeLessThan(1 << 20);
});

test('without rights: no owners, no setuid, no devices, no file capabilities, with a warning', async () => {
  using trees = new Trees();
  const warnings: string[] = [];
  await trees.unpack(
    tar(
      {
        name: 'su',
        body: '#!',
        mode: 0o4755,
        uid: 0,
        pax: { 'SCHILY.xattr.user.a': 'b', 'SCHILY.xattr.security.capability': 'c' },
      },
      { name: 'sda', type: '4', major: 8, minor: 0 },
      { name: 'fifo', type: '6', mode: 0o640 },
    ),
    { owner: { uid: 12, gid: 13 }, privileges: false, onWarning: (message) => warnings.push(message) },
  );
  const { mode, uid, gid } = statSync(`${trees.root}/su`);
  expect([mode & 0o7777, uid, gid]).toEqual([0o755, 12, 13]);
  expect(linux.llistxattr(`${trees.root}/su`).map(String)).toEqual(['user.a']);
  expect(existsSync(`${trees.root}/sda`)).toBe(false);
  expect(lstatSync(`${trees.root}/fifo`).isFIFO()).toBe(true);
  expect(warnings).toEqual(['device "sda" is left out']);
});

describe('names and links', () => {
  test.each(['../x', 'a/../../x', '/../x'])('%s leads up and is refused', async (name) => {
    using trees = new Trees();
    await expect(trees.unpack(tar({ name, body: 'x' }))).rejects.toMatchObject({ code: 'ARCHIVE_NAME_INVALID' });
    expect(readdirSync(trees.root)).toEqual([]);
  });

  test('an absolute name is below the folder, missing parents are made', async () => {
    using trees = new Trees();
    mkdirSync(`${trees.root}/to`);
    await trees.unpack(tar({ name: '/etc/a/b', body: 'x' }), { directory: '/to' });
    expect(readFileSync(`${trees.root}/to/etc/a/b`, 'utf8')).toBe('x');
  });

  test.each(['/outside', '../outside', '../../../../../outside'])(
    'a link to %s among the parents stays in the root',
    async (target) => {
      using trees = new Trees();
      mkdirSync(`${trees.root}/outside`);
      symlinkSync(target, `${trees.root}/link`);
      await trees.unpack(tar({ name: 'link/x', body: 'x' }, { name: 'link', type: '5' }, { name: 'link/y', body: 'y' }));
      expect(readdirSync(`${trees.root}/outside`)).toEqual(['x']);
      expect(readdirSync(`${trees.root}/link`)).toEqual(['y']);
      expect(readdirSync(trees.outside)).toEqual(['secret']);
    },
  );

  test('a link that the archive brings is not followed out of the root', async () => {
    using trees = new Trees();
    const archive = tar({ name: 'out', type: '2', link: trees.outside }, { name: 'out/x', body: 'x' });
    await expect(trees.unpack(archive)).rejects.toMatchObject({ code: 'SYSTEM_EEXIST' });
    expect(readdirSync(trees.outside)).toEqual(['secret']);
  });

  test('a hard link leads to what is in the folder, and nowhere else', async () => {
    using trees = new Trees();
    await trees.unpack(tar({ name: 'a', body: 'a' }, { name: 'b', type: '1', link: 'a' }));
    expect(statSync(`${trees.root}/b`).nlink).toBe(2);
    for (const link of ['../outside/secret', 'missing', 'a'])
      await expect(trees.unpack(tar({ name: 'a', type: '1', link }))).rejects.toThrow();
    linkSync(`${trees.root}/a`, `${trees.root}/c`);
    expect(statSync(`${trees.outside}/secret`).nlink).toBe(1);
  });

  test('links are copied as they are, wherever they lead', async () => {
    using trees = new Trees();
    mkdirSync(`${trees.root}/d`);
    symlinkSync(`${trees.outside}/secret`, `${trees.root}/d/link`);
    const archive = trees.pack('d');
    expect(archive.includes('of the host')).toBe(false);
    await trees.unpack(archive, { as: 'e' });
    expect(readlinkSync(`${trees.root}/e/link`)).toBe(`${trees.outside}/secret`);
  });

  test('files take the place of folders unless that is refused', async () => {
    using trees = new Trees();
    mkdirSync(`${trees.root}/a/b`, { recursive: true });
    const file = tar({ name: 'a', body: 'x' });
    await expect(trees.unpack(file, { noReplaceKind: true })).rejects.toMatchObject({ code: 'COPY_REPLACES_KIND' });
    await trees.unpack(file);
    expect(readFileSync(`${trees.root}/a`, 'utf8')).toBe('x');
    await expect(trees.unpack(tar({ name: 'a', type: '5' }), { noReplaceKind: true })).rejects.toMatchObject({
      code: 'COPY_REPLACES_KIND',
    });
  });
});

test.each([
  ['nothing of a tar', Buffer.from('x'.repeat(1024)), 'ARCHIVE_NOT_TAR'],
  ['half of one', tar({ name: 'a', body: 'x'.repeat(2000) }).subarray(0, 1200), 'ARCHIVE_TRUNCATED'],
])('%s is an error about an archive', async (_what, archive, code) => {
  using trees = new Trees();
  await expect(trees.unpack(archive)).rejects.toMatchObject({ code, message: expect.stringMatching(/archive/) });
});

test('what vanishes while it is packed is left out', () => {
  using trees = new Trees();
  for (const name of ['a', 'b', 'c']) writeFileSync(`${trees.root}/${name}`, name);
  let seen = 0;
  const checkpoint = (): void => {
    if (++seen === 1) rmSync(`${trees.root}/b`);
  };
  const archive = Buffer.concat([...packTree({ directory: trees.fd, name: '.', as: 'all' }, { system: linux, checkpoint })]);
  expect([archive.includes('all/a'), archive.includes('all/b'), archive.includes('all/c')]).toEqual([true, false, true]);
});

test('a file that grows is as long as it was, one that is cut short is an error', () => {
  using trees = new Trees();
  const file = `${trees.root}/log`;
  const changing = (change: () => void): Buffer => {
    writeFileSync(file, 'x'.repeat(3 << 20));
    let seen = 0;
    const checkpoint = (): void => void (++seen === 2 && change());
    return Buffer.concat([...packTree({ directory: trees.fd, name: 'log', as: 'log' }, { system: linux, checkpoint })]);
  };
  expect(changing(() => truncateSync(file, 9 << 20)).length).toBe((3 << 20) + 3 * 512 + 1024);
  expect(() => changing(() => truncateSync(file, 1))).toThrow(expect.objectContaining({ code: 'COPY_CHANGED' }));
});

describe('beside a process that swaps a folder with a link to the host', () => {
  const swapping = `
    const fs = require('node:fs');
    const [root, outside] = process.argv.slice(1);
    process.stdout.write('ready');
    for (;;) {
      try { fs.renameSync(root + '/d', root + '/away'); fs.symlinkSync(outside, root + '/d'); } catch {}
      try { fs.unlinkSync(root + '/d'); } catch {}
      try { fs.renameSync(root + '/away', root + '/d'); } catch {}
    }`;

  const beside = async (work: (trees: Trees) => Promise<void>): Promise<void> => {
    using trees = new Trees();
    mkdirSync(`${trees.root}/d`);
    for (let index = 0; index < 20; index++) writeFileSync(`${trees.root}/d/${index}`, 'of the container');
    const child = spawn(process.execPath, ['-e', swapping, trees.root, trees.outside], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await new Promise((resolve) => child.stdout.once('data', resolve));
      await work(trees);
    } finally {
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
    }
    expect(readdirSync(trees.outside)).toEqual(['secret']);
    expect(readFileSync(`${trees.outside}/secret`, 'utf8')).toBe('of the host');
  };

  test('nothing of the host gets into an archive', () =>
    beside(async (trees) => {
      for (let round = 0; round < 500; round++) {
        const archive = Buffer.concat([...packTree({ directory: trees.fd, name: '.', as: '.' }, { system: linux })]);
        expect(archive.includes('of the host')).toBe(false);
      }
    }));

  test('nothing is made, changed or removed outside of the root', () =>
    beside(async (trees) => {
      const archive = tar(
        { name: 'd', type: '5', mode: 0o777 },
        { name: 'd/secret', body: 'changed', mode: 0o666 },
        { name: 'd/fifo', type: '6', mode: 0o666 },
        { name: 'd/sub', type: '5', mode: 0o777 },
        { name: 'd/sub/x', body: 'x' },
        { name: 'd/hard', type: '1', link: 'd/secret' },
      );
      for (let round = 0; round < 500; round++) await trees.unpack(archive).catch(() => undefined);
    }));
});
