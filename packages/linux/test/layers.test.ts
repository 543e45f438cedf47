import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { imagesAreFree, linux, OVERLAYFS_SUPER_MAGIC, upperForm } from '@slipway/linux';
import type { BlockMount, ErofsMount, LayersMount } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { mountErofsByLoop } from '../dist/erofs.js';
import { AttachedParts, mountOver } from '../dist/layers.js';
import { erofsImage } from './erofs-image.ts';
import { tempFolder } from './temp.ts';

const at = (fd: number): string => `/proc/self/fd/${fd}`;
const seen = (fd: number): string[] => readdirSync(at(fd)).sort();
const readOnlyError = expect.objectContaining({ code: 'EROFS' });

/** Each has a file of its own and one that all have. */
function images(top: string, count: number): ErofsMount[] {
  return Array.from({ length: count }, (_, index) => {
    const tree = join(top, `tree${index}`);
    mkdirSync(tree);
    writeFileSync(join(tree, `own${index}`), String(index));
    writeFileSync(join(tree, 'same'), String(index));
    const source = join(top, `layer${index}.erofs`);
    execFileSync('mkfs.erofs', ['--quiet', source, tree], { stdio: 'ignore' });
    rmSync(tree, { recursive: true });
    return { kind: 'erofs', source };
  });
}

function ext4(top: string, name = 'upper.ext4'): BlockMount {
  const seed = join(top, 'seed');
  for (const folder of ['upper', 'work']) mkdirSync(join(seed, folder), { recursive: true });
  const source = join(top, name);
  writeFileSync(source, '');
  truncateSync(source, 32 << 20);
  execFileSync('mkfs.ext4', ['-q', ...upperForm.mkfsOptions, '-d', seed, source], {
    env: { ...process.env, MKE2FS_CONFIG: '/dev/null' },
    stdio: 'pipe',
  });
  return { kind: 'block', source, fstype: 'ext4', readOnly: false };
}

function loopsOf(top: string): string[] {
  return readdirSync('/sys/block').flatMap((name) => {
    if (!name.startsWith('loop')) return [];
    try {
      const file = readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8');
      return file.startsWith(top) ? [file.trim()] : [];
    } catch {
      return [];
    }
  });
}

/** What is left to the kernel is done a moment later. */
async function nothingLeft(top: string): Promise<void> {
  await expect.poll(() => loopsOf(top), { timeout: 30_000 }).toEqual([]);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(top);
}

const ways = {
  'detached parts': (mount: LayersMount, readOnly = false) => linux.mountDetached([mount], { readOnly }),
  'attached parts, as before Linux 6.15': (mount: LayersMount, readOnly = false) => {
    using parts = new AttachedParts();
    return mountOver(mount, readOnly, parts);
  },
};

for (const [way, mount] of Object.entries(ways)) {
  describe(`layers over ${way}`, () => {
    it('are images below an ext4, which keep each other alive and leave nothing', async () => {
      const top = tempFolder();
      const layers: LayersMount = { kind: 'layers', lower: images(top, 3), upper: ext4(top) };
      const before = readdirSync('/proc/self/fd').length;
      const fd = mount(layers);
      expect(linux.statfs(at(fd)).type).toBe(OVERLAYFS_SUPER_MAGIC);
      expect(seen(fd)).toEqual(['own0', 'own1', 'own2', 'same']);
      expect(readFileSync(`${at(fd)}/same`, 'utf8')).toBe('0');
      writeFileSync(`${at(fd)}/new`, 'written');
      unlinkSync(`${at(fd)}/own1`);
      expect(readdirSync('/proc/self/fd').length).toBe(before + 1);
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain('slipway-layers');
      closeSync(fd);
      await nothingLeft(top);

      const again = mount(layers, true);
      expect(seen(again)).toEqual(['new', 'own0', 'own2', 'same']);
      expect(() => writeFileSync(`${at(again)}/x`, '')).toThrow(readOnlyError);
      closeSync(again);
      await nothingLeft(top);
    });

    it('write to two directories', async () => {
      const top = tempFolder();
      const [upper, work] = ['upper', 'work'].map((name) => join(top, name)) as [string, string];
      for (const folder of [upper, work]) mkdirSync(folder);
      const layers: LayersMount = { kind: 'layers', lower: images(top, 1), upper: { kind: 'directories', upper, work } };
      const fd = mount(layers);
      writeFileSync(`${at(fd)}/new`, 'written');
      unlinkSync(`${at(fd)}/own0`);
      closeSync(fd);
      expect(readFileSync(join(upper, 'new'), 'utf8')).toBe('written');
      expect(lstatSync(join(upper, 'own0')).isCharacterDevice()).toBe(true);
      const again = mount(layers, true);
      expect(seen(again)).toEqual(['new', 'same']);
      expect(() => writeFileSync(`${at(again)}/x`, '')).toThrow(readOnlyError);
      closeSync(again);
      await nothingLeft(top);
    });

    it('may be none, one or many', async () => {
      const top = tempFolder();
      const lower = images(top, 2);
      const upper = ext4(top);
      const trees: readonly (readonly [layers: LayersMount, names: readonly string[]])[] = [
        [{ kind: 'layers', lower: [] }, []],
        [{ kind: 'layers', lower: lower.slice(1) }, ['own1', 'same']],
        [{ kind: 'layers', lower }, ['own0', 'own1', 'same']],
        [{ kind: 'layers', lower: [], upper }, []],
      ];
      for (const [layers, names] of trees) {
        for (const readOnly of [true, false]) {
          const fd = mount(layers, readOnly);
          expect(seen(fd)).toEqual(names);
          expect(lstatSync(`${at(fd)}/.`).mode & 0o7777).toBe(0o755);
          const write = (): void => writeFileSync(`${at(fd)}/new`, '');
          if (readOnly || layers.upper === undefined) expect(write).toThrow(readOnlyError);
          else write();
          closeSync(fd);
        }
      }
      await nothingLeft(top);
    });

    it('go no further when one of them cannot be mounted, and leave nothing', async () => {
      const top = tempFolder();
      const lower = images(top, 1);
      const broken = join(top, 'broken.erofs');
      writeFileSync(broken, Buffer.alloc(8192));
      const missing = join(top, 'missing');
      const before = readdirSync('/proc/self/fd').length;
      const upper = ext4(top);
      expect(() => mount({ kind: 'layers', lower: [...lower, { kind: 'erofs', source: broken }], upper })).toThrow(
        expect.objectContaining({ code: 'EINVAL' }),
      );
      expect(() => mount({ kind: 'layers', lower: [...lower, { kind: 'erofs', source: missing }] })).toThrow(
        expect.objectContaining({ code: 'ENOENT' }),
      );
      expect(() => mount({ kind: 'layers', lower, upper: { ...upper, source: missing } })).toThrow(
        expect.objectContaining({ code: 'ENOENT' }),
      );
      writeFileSync(join(top, 'no.ext4'), Buffer.alloc(1 << 20));
      expect(() => mount({ kind: 'layers', lower, upper: { ...upper, source: join(top, 'no.ext4') } })).toThrow(
        expect.objectContaining({ code: 'IMAGE_FORGED' }),
      );
      expect(readdirSync('/proc/self/fd')).toHaveLength(before);
      await nothingLeft(top);
    });
  });
}

describe('a file system that is written to', () => {
  it('can be looked into as it is, whiteouts included', async () => {
    const top = tempFolder();
    const upper = ext4(top);
    const layers: LayersMount = { kind: 'layers', lower: images(top, 1), upper };
    const fd = linux.mountDetached([layers]);
    unlinkSync(`${at(fd)}/own0`);
    closeSync(fd);
    const raw = linux.mountUpper({ ...upper, readOnly: true });
    expect(seen(raw)).toEqual(['lost+found', 'upper', 'work']);
    expect(lstatSync(`${at(raw)}/upper/own0`).isCharacterDevice()).toBe(true);
    closeSync(raw);
    await nothingLeft(top);
  });

  it('is one mount’s at a time: two at once would ruin it', async () => {
    const top = tempFolder();
    const layers: LayersMount = { kind: 'layers', lower: images(top, 1), upper: ext4(top) };
    const fd = linux.mountDetached([layers]);
    expect(() => linux.mountDetached([layers])).toThrow(
      expect.objectContaining({ kind: 'failed-precondition', code: 'IMAGE_IN_USE' }),
    );
    closeSync(fd);
    for (let times = 0; times < 20; times++) closeSync(linux.mountDetached([layers]));
    await nothingLeft(top);
  });

  it('is waited for without holding up whoever does, and no longer than who has just ended needs', async () => {
    const top = tempFolder();
    const layers: LayersMount = { kind: 'layers', lower: images(top, 1), upper: ext4(top) };
    const fd = linux.mountDetached([layers]);
    let isClosed = false;
    // Never, where the wait stood still.
    setTimeout(() => {
      closeSync(fd);
      isClosed = true;
    }, 50);
    await imagesAreFree([layers]);
    expect(isClosed).toBe(true);
    const again = linux.mountDetached([layers]);
    await expect(imagesAreFree([layers])).rejects.toMatchObject({ code: 'IMAGE_IN_USE' });
    await expect(imagesAreFree([layers], AbortSignal.abort())).rejects.toMatchObject({ kind: 'canceled' });
    closeSync(again);
    await nothingLeft(top);
  });

  it('is read with what its journal has, also when its machine was killed, and so is it by whoever writes to it next', async () => {
    const top = tempFolder();
    const upper = ext4(top);
    const killed = join(top, 'killed.ext4');
    const fd = linux.mountDetached([{ kind: 'layers', lower: images(top, 1), upper }]);
    writeFileSync(`${at(fd)}/late`, 'in the journal');
    const file = openSync(`${at(fd)}/late`, 'r');
    linux.syncfs(file);
    closeSync(file);
    // As it is on disk when the power fails: the file system is not clean, and the file's inode is in the journal alone.
    execFileSync('cp', ['--sparse=always', upper.source, killed]);
    closeSync(fd);
    expect(execFileSync('dumpe2fs', ['-h', killed], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })).toContain(
      'needs_recovery',
    );
    const layers: LayersMount = { kind: 'layers', lower: [], upper: { ...upper, source: killed } };
    for (const readOnly of [true, false]) {
      const again = linux.mountDetached([layers], { readOnly });
      expect(readFileSync(`${at(again)}/late`, 'utf8')).toBe('in the journal');
      closeSync(again);
    }
    await nothingLeft(top);
    execFileSync('e2fsck', ['-fn', killed], { stdio: 'ignore' });
  });

  it('is read as it is while another mount writes to it', async () => {
    const top = tempFolder();
    const layers: LayersMount = { kind: 'layers', lower: images(top, 1), upper: ext4(top) };
    const fd = linux.mountDetached([layers]);
    // Neither is on disk yet.
    writeFileSync(`${at(fd)}/first`, 'one');
    const reader = linux.mountDetached([layers], { readOnly: true });
    expect(readFileSync(`${at(reader)}/first`, 'utf8')).toBe('one');
    expect(() => writeFileSync(`${at(reader)}/x`, '')).toThrow(readOnlyError);
    const raw = linux.mountUpper({ ...(layers.upper as BlockMount), readOnly: true });
    writeFileSync(`${at(fd)}/second`, 'two');
    expect(seen(raw)).toContain('upper');
    expect(readFileSync(`${at(raw)}/upper/second`, 'utf8')).toBe('two');
    expect(() => writeFileSync(`${at(raw)}/upper/x`, '')).toThrow(readOnlyError);
    for (const each of [fd, reader, raw]) closeSync(each);
    await nothingLeft(top);
  });

  it('is read by many at once, in threads of their own', async () => {
    const top = tempFolder();
    const upper = ext4(top);
    const layers: LayersMount = { kind: 'layers', lower: images(top, 1), upper };
    closeSync(linux.mountDetached([layers]));
    const readers = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const worker = new Worker(new URL('reader-thread.ts', import.meta.url), { workerData: layers, trackUnmanagedFds: false });
        const [[names]] = (await Promise.all([once(worker, 'message'), once(worker, 'exit')])) as [[unknown], unknown];
        return names;
      }),
    );
    expect(readers).toEqual(Array.from({ length: 4 }, () => Array.from({ length: 10 }, () => ['own0', 'same'])));
    await nothingLeft(top);
  });

  it('is not read while a virtual machine writes to it, which sees nothing of that', async () => {
    const top = tempFolder();
    const upper = ext4(top);
    const layers: LayersMount = { kind: 'layers', lower: images(top, 1), upper };
    const source = join(top, 'of-a-machine.ext4');
    const fd = linux.mountDetached([layers]);
    writeFileSync(`${at(fd)}/first`, 'one');
    const file = openSync(`${at(fd)}/first`, 'r');
    linux.syncfs(file);
    closeSync(file);
    execFileSync('cp', ['--sparse=always', upper.source, source]);
    closeSync(fd);
    const machine = openSync(source, 'r+');
    expect(linux.tryFlock(machine, 'exclusive')).toBe(true);
    const [names, bytes] = [readdirSync(top), readFileSync(source)];
    const ofMachine: LayersMount = { ...layers, upper: { ...upper, source } };
    const inUse = expect.objectContaining({ code: 'IMAGE_IN_USE' });
    for (const readOnly of [true, false]) expect(() => linux.mountDetached([ofMachine], { readOnly })).toThrow(inUse);
    // Also before it has written to it.
    await nothingLeft(top);
    const clean = openSync(upper.source, 'r+');
    expect(linux.tryFlock(clean, 'exclusive')).toBe(true);
    expect(() => linux.mountUpper({ ...upper, readOnly: true })).toThrow(inUse);
    closeSync(clean);
    expect(readdirSync(top)).toEqual(names);
    expect(readFileSync(source).equals(bytes)).toBe(true);
    closeSync(machine);
    const reader = linux.mountDetached([ofMachine], { readOnly: true });
    expect(readFileSync(`${at(reader)}/first`, 'utf8')).toBe('one');
    closeSync(reader);
    closeSync(linux.mountDetached([ofMachine]));
    await nothingLeft(top);
  });

  it('cannot lead out of itself by a link that a hostile guest has put in the place of a folder', async () => {
    const top = tempFolder();
    const upper = ext4(top);
    const [lower] = images(top, 1) as [ErofsMount];
    for (const name of ['upper', 'work']) {
      const source = join(top, `hostile-${name}.ext4`);
      copyFileSync(upper.source, source);
      const hostile: BlockMount = { ...upper, source };
      const fd = linux.mountDetached([hostile]);
      rmSync(`${at(fd)}/${name}`, { recursive: true });
      symlinkSync('/etc', `${at(fd)}/${name}`);
      closeSync(fd);
      for (const readOnly of [true, false]) {
        expect(() => linux.mountDetached([{ kind: 'layers', lower: [lower], upper: hostile }], { readOnly })).toThrow(
          expect.objectContaining({ code: 'ENOTDIR' }),
        );
      }
      const raw = (): void => closeSync(linux.mountUpper({ ...hostile, readOnly: true }));
      if (name === 'upper') expect(raw).toThrow(expect.objectContaining({ code: 'ENOTDIR' }));
      else raw();
    }
    await nothingLeft(top);
  });
});

/** Writes bytes, in hex, to places in the superblock. */
function forge(file: string, fields: Readonly<Record<number, string>>): void {
  const fd = openSync(file, 'r+');
  for (const [place, hex] of Object.entries(fields))
    writeSync(fd, Buffer.from(hex, 'hex'), 0, hex.length / 2, 1024 + Number(place));
  closeSync(fd);
}

/** What the kernel says of a mount that is nowhere. */
function mountLine(top: string, fd: number): string | undefined {
  const place = join(top, 'seen');
  mkdirSync(place, { recursive: true });
  linux.attachMount(fd, place);
  try {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    return lines.find((line) => line.includes(` ${place} `));
  } finally {
    linux.unmount(place, { detach: true });
  }
}

describe('a superblock that a hostile guest has written', () => {
  const forgeries: readonly (readonly [what: string, fields: Readonly<Record<number, string>>])[] = [
    ['that the host is to panic at an error', { 60: '0300' }],
    ['an unknown behaviour at errors', { 60: '0400' }],
    ['options of mount(8)', { 512: Buffer.from('errors=panic').toString('hex') }],
    ['other default options', { 256: '6c000000' }],
    ['a journal on a device of the host', { 228: '01080000' }],
    ['a journal in another file', { 224: '0c000000' }],
    ['a journal that another file system has', { 208: '01' }],
    ['a feature that can be read over', { 92: '3c020000' }],
    ['a feature that a reader must know', { 96: 'd2020000' }],
    ['a feature that a writer must know', { 100: '7a040000' }],
    ['no journal', { 92: '28020000' }],
    ['blocks of another size', { 24: '00000000' }],
    ['clusters of another size', { 28: '06000000' }],
    ['inodes of another size', { 88: '0004' }],
    ['the UUID of a disk of the host', { 104: '00112233445566778899aabbccddeeff' }],
    ['a label', { 120: Buffer.from('root').toString('hex') }],
    ['another system', { 72: '01000000' }],
    ['an old revision', { 76: '00000000' }],
    ['nothing', { 56: '0000' }],
  ];

  it.each(forgeries)('says %s: it is not mounted, in no way', async (_, fields) => {
    const top = tempFolder();
    const upper = ext4(top);
    forge(upper.source, fields);
    const forged = expect.objectContaining({
      kind: 'failed-precondition',
      code: 'IMAGE_FORGED',
      message: expect.stringContaining(`"${upper.source}"`),
      hint: expect.stringMatching(/./),
    });
    const lower: readonly ErofsMount[] = [];
    for (const readOnly of [true, false]) {
      expect(() => linux.mountDetached([{ kind: 'layers', lower, upper }], { readOnly })).toThrow(forged);
      expect(() => linux.mountUpper({ ...upper, readOnly })).toThrow(forged);
    }
    // Nor where its journal would be played back.
    if (!(0x60 in fields)) {
      forge(upper.source, { 96: 'c6020000' });
      expect(() => linux.mountUpper({ ...upper, readOnly: true })).toThrow(forged);
    }
    await nothingLeft(top);
  });

  it('is found in the device that is mounted, also where that is none of ours', () => {
    const top = tempFolder();
    const upper = ext4(top);
    forge(upper.source, { 60: '0300' });
    const device = execFileSync('losetup', ['--find', '--show', upper.source], { encoding: 'utf8' }).trim();
    try {
      expect(() => linux.mountUpper({ ...upper, source: device })).toThrow(expect.objectContaining({ code: 'IMAGE_FORGED' }));
    } finally {
      execFileSync('losetup', ['--detach', device]);
    }
  });

  it('has no word in what happens at an error: nothing that is mounted lets the host panic', async () => {
    const top = tempFolder();
    const upper = ext4(top);
    forge(upper.source, { 60: '0300' });
    // One that is no upper is mounted as it is, but for that.
    const fd = linux.mountDetached([upper]);
    const line = mountLine(top, fd);
    closeSync(fd);
    expect(line).toMatch(/ - ext4 .*errors=remount-ro/);
    await nothingLeft(top);
  });

  it('is of a file system whose setuid bits and devices mean nothing, and through an overlay what they are to mean', async () => {
    const top = tempFolder();
    const upper = ext4(top);
    for (const readOnly of [false, true]) {
      const fd = linux.mountUpper({ ...upper, readOnly });
      const line = mountLine(top, fd);
      closeSync(fd);
      expect(line).toContain(readOnly ? ' ro,nosuid,nodev,noexec,' : ' rw,nosuid,nodev,');
      expect(line).toMatch(/ - ext4 .*errors=remount-ro/);
    }
    const fd = linux.mountDetached([{ kind: 'layers', lower: [], upper }]);
    linux.mknod(`${at(fd)}/null`, 0o020666, 1, 3);
    writeFileSync(`${at(fd)}/null`, 'gone');
    copyFileSync('/usr/bin/id', `${at(fd)}/id`);
    chmodSync(`${at(fd)}/id`, 0o4755);
    const place = join(top, 'place');
    mkdirSync(place);
    chmodSync(top, 0o755);
    linux.attachMount(fd, place);
    const { stdout } = spawnSync(join(place, 'id'), ['-u'], { uid: 65_534, encoding: 'utf8' });
    linux.unmount(place, { detach: true });
    closeSync(fd);
    expect(stdout.trim()).toBe('0');
    await nothingLeft(top);
  });
});

it('a mark in an upper that a guest has forged leads a reader nowhere else in the layers', async () => {
  const top = tempFolder();
  const upper = ext4(top);
  const tree = join(top, 'tree');
  mkdirSync(join(tree, 'secret'), { recursive: true });
  writeFileSync(join(tree, 'secret/file'), '');
  const source = join(top, 'layer.erofs');
  execFileSync('mkfs.erofs', ['--quiet', source, tree], { stdio: 'ignore' });
  const raw = linux.mountUpper(upper);
  mkdirSync(`${at(raw)}/upper/open`);
  linux.lsetxattr(`${at(raw)}/upper/open`, 'trusted.overlay.redirect', Buffer.from('/secret'));
  closeSync(raw);
  for (const readOnly of [true, false]) {
    const fd = linux.mountDetached([{ kind: 'layers', lower: [{ kind: 'erofs', source }], upper }], { readOnly });
    let names: string[] | string;
    try {
      names = readdirSync(`${at(fd)}/open`);
    } catch (error) {
      names = (error as NodeJS.ErrnoException).code ?? '';
    }
    expect(names).not.toContain('file');
    closeSync(fd);
  }
  await nothingLeft(top);
});

it('mounts an EROFS image through a loop device where the kernel takes no file, with its devices', async () => {
  const top = tempFolder();
  const image = join(top, 'image.erofs');
  writeFileSync(image, erofsImage('from the image'));
  const fd = mountErofsByLoop({ kind: 'erofs', source: image });
  expect(loopsOf(top)).toEqual([image]);
  expect(readFileSync(`${at(fd)}/hello`, 'utf8')).toBe('from the image');
  closeSync(fd);
  await nothingLeft(top);
});

it('mounts 499 layers that are images below an upper one', async () => {
  const top = tempFolder();
  const [image] = images(top, 1) as [ErofsMount];
  const lower = Array.from({ length: 499 }, (_, index): ErofsMount => {
    const source = join(top, `many${index}.erofs`);
    copyFileSync(image.source, source);
    return { kind: 'erofs', source };
  });
  const layers: LayersMount = { kind: 'layers', lower, upper: ext4(top) };
  for (const readOnly of [true, false]) {
    const fd = linux.mountDetached([layers], { readOnly });
    expect(seen(fd)).toEqual(['own0', 'same']);
    closeSync(fd);
  }
  const tooMany: LayersMount = { kind: 'layers', lower: [...lower, image, image] };
  expect(() => linux.mountDetached([tooMany])).toThrow(expect.objectContaining({ code: 'OVERLAY_TOO_MANY_LAYERS' }));
  await nothingLeft(top);
});

it('leaves nothing when a process that has such a mount is killed', async () => {
  const top = tempFolder();
  const layers: LayersMount = { kind: 'layers', lower: images(top, 2), upper: ext4(top) };
  const child = spawnSync(process.execPath, [join(import.meta.dirname, 'killed-child.ts'), JSON.stringify(layers)], {
    encoding: 'utf8',
  });
  expect({ stderr: child.stderr, signal: child.signal }).toEqual({ stderr: '', signal: 'SIGKILL' });
  await nothingLeft(top);
  closeSync(linux.mountDetached([layers]));
  expect(existsSync(join(top, 'upper.ext4'))).toBe(true);
});
