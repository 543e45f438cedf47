import { execFileSync, spawnSync } from 'node:child_process';
import {
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
} from 'node:fs';
import { join } from 'node:path';
import { linux, OVERLAYFS_SUPER_MAGIC } from '@slipway/linux';
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
  execFileSync('mkfs.ext4', ['-q', '-d', seed, source]);
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
        expect.objectContaining({ code: 'EINVAL' }),
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

  it('is read from a copy while a virtual machine has it, which sees nothing of that', async () => {
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
    const reader = linux.mountDetached([ofMachine], { readOnly: true });
    expect(readdirSync(top)).toEqual(names);
    expect(readFileSync(`${at(reader)}/first`, 'utf8')).toBe('one');
    expect(readFileSync(source).equals(bytes)).toBe(true);
    expect(() => linux.mountDetached([ofMachine])).toThrow(expect.objectContaining({ code: 'IMAGE_IN_USE' }));
    closeSync(reader);
    closeSync(machine);
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
