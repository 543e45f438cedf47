import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { buildGuestImage, findAgent, findCrun, type ImageParts } from '@slipway/guest';
import { cloudKernel } from '@slipway/machine';
import { describe, expect, it } from 'vitest';
import { readCpio } from './cpio-entries.js';
import { temp } from './temp.js';

const { kernel: image, modules } = cloudKernel();
const parts: ImageParts = { kernel: { image, modules }, agent: findAgent(), crun: findCrun() };

describe('buildGuestImage', () => {
  it('has the agent, crun with all that it loads, the modules in order, and each folder before what is in it', async () => {
    const { initrd } = await buildGuestImage(parts);
    const entries = readCpio(initrd);
    const names = entries.map(({ name }) => name);
    for (const [at, name] of names.entries()) if (name.includes('/')) expect(names.indexOf(path.dirname(name))).toBeLessThan(at);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
    expect(names.filter((name) => name.startsWith('/') || name.split('/').includes('..'))).toEqual([]);
    const entry = (name: string) => entries.find((one) => one.name === name);
    expect(entry('init')).toMatchObject({ mode: 0o100755, content: readFileSync(parts.agent) });
    expect(entry('usr/bin/crun')).toMatchObject({ mode: 0o100755, content: readFileSync(parts.crun) });
    expect(entry('dev/console')).toMatchObject({ mode: 0o020600, device: [5, 1] });
    for (const { owner, time } of entries) expect([...owner, time]).toEqual([0, 0, 0]);
    const lines = entry('etc/modules.slipway')!.content.toString().trimEnd().split('\n');
    const position = (module: string): number => lines.findIndex((line) => line.endsWith(`/${module}.ko`));
    expect(position('virtio_ring')).toBeLessThan(position('virtio_pci'));
    expect(position('libcrc32c')).toBeLessThan(position('erofs'));
    const waiting = (word: string) =>
      lines.filter((line) => line.startsWith(`${word} `)).map((line) => path.basename(line, '.ko'));
    expect([...waiting('disk'), ...waiting('share')]).toEqual(['virtio_blk', 'fuse', 'virtiofs']);
    expect(waiting('verity')).toEqual(['reed_solomon', 'dm_mod', 'dm_bufio', 'dm_verity']);
    for (const line of lines) expect(names).toContain(line.replace(/^(disk|share|verity) /, '').slice(1));
    // ext4 is a part of this kernel.
    expect(position('ext4')).toBe(-1);
  });

  it('runs crun in a tree that has nothing else: the libraries are found without a cache', async () => {
    const tree = temp();
    for (const { name, mode, content } of readCpio((await buildGuestImage(parts)).initrd)) {
      if ((mode & 0o170000) === 0o040000) mkdirSync(path.join(tree, name));
      else if ((mode & 0o170000) === 0o100000) writeFileSync(path.join(tree, name), content, { mode: mode & 0o777 });
    }
    // crun copies itself by way of /proc.
    const script = `mount -t proc proc ${tree}/proc && exec chroot ${tree} /usr/bin/crun --version`;
    expect(execFileSync('unshare', ['--mount', '--pid', '--fork', 'sh', '-c', script], { encoding: 'utf8' })).toMatch(
      /^crun version/,
    );
  });

  it('gives the same bytes each time, and others for other parts', async () => {
    const [one, two] = [await buildGuestImage(parts), await buildGuestImage(parts)];
    expect(one.key).toBe(two.key);
    expect(one.initrd.equals(two.initrd)).toBe(true);
    const agent = path.join(temp(), 'agent');
    copyFileSync(parts.agent, agent);
    expect((await buildGuestImage({ ...parts, agent })).key).toBe(one.key);
    writeFileSync(agent, 'other');
    expect((await buildGuestImage({ ...parts, agent })).key).not.toBe(one.key);
  });

  it('expands modules that the distribution has compressed: they give the same image', async () => {
    const { initrd } = await buildGuestImage(parts);
    const folder = path.join(temp(), 'modules');
    execFileSync('cp', ['-r', modules, folder]);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ko'));
    const needed = files.filter((file) => /virtio|erofs|libcrc32c|overlay/.test(file));
    for (const [at, file] of needed.entries()) {
      const full = path.join(folder, file);
      const content = readFileSync(full);
      if (at % 3 === 0) writeFileSync(`${full}.zst`, zstdCompressSync(content));
      else if (at % 3 === 1) writeFileSync(`${full}.gz`, gzipSync(content));
      else execFileSync('xz', ['--check=crc32', '-0', '--keep', full]);
      rmSync(full);
    }
    const compressed = await buildGuestImage({ ...parts, kernel: { image, modules: folder } });
    expect(compressed.initrd.equals(initrd)).toBe(true);
  });

  it('is without modules for a kernel that has everything built in', async () => {
    const entries = readCpio((await buildGuestImage({ ...parts, kernel: { image, modules: undefined } })).initrd);
    expect(entries.find(({ name }) => name === 'etc/modules.slipway')!.content.length).toBe(0);
    expect(entries.some(({ name }) => name.endsWith('.ko'))).toBe(false);
  });
});

describe('what is missing or damaged', () => {
  const precondition = (code: string, message: string, hint = '') =>
    expect.objectContaining({
      kind: 'failed-precondition',
      code,
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    });

  it('a module, and one that another needs', async () => {
    const folder = path.join(temp(), 'modules');
    execFileSync('cp', ['-r', modules, folder]);
    const order = readFileSync(path.join(folder, 'modules.order'), 'utf8');
    const build = (): Promise<unknown> => buildGuestImage({ ...parts, kernel: { image, modules: folder } });
    const without = (module: string): void =>
      writeFileSync(path.join(folder, 'modules.order'), order.replace(new RegExp(`^.*/${module}\\.ko\n`, 'm'), ''));
    without('erofs');
    await expect(build()).rejects.toEqual(precondition('MODULE_MISSING', 'without "erofs"', 'linux-image-cloud-amd64'));
    without('libcrc32c');
    await expect(build()).rejects.toEqual(precondition('MODULE_MISSING', 'without "libcrc32c", which "erofs" needs'));
    without('virtiofs');
    await build();
    writeFileSync(path.join(folder, 'modules.order'), order);
    writeFileSync(path.join(folder, 'kernel/fs/erofs/erofs.ko'), 'nothing');
    await expect(build()).rejects.toEqual(precondition('MODULE_UNREADABLE', 'it is no kernel module'));
    rmSync(path.join(folder, 'kernel/fs/erofs/erofs.ko'));
    await expect(build()).rejects.toEqual(precondition('MODULE_UNREADABLE', 'found no file with this name'));
    for (const suffix of ['gz', 'zst', 'xz']) {
      const file = path.join(folder, `kernel/fs/erofs/erofs.ko.${suffix}`);
      writeFileSync(file, 'nothing');
      await expect(build()).rejects.toEqual(precondition('MODULE_UNREADABLE', `erofs.ko.${suffix}`, 'xz-utils'));
      rmSync(file);
    }
    rmSync(path.join(folder, 'modules.order'));
    await expect(build()).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('modules.order') as string,
    });
  });

  it('crun, and a library of it', async () => {
    expect(() => findCrun('/nowhere/crun')).toThrow(
      precondition('GUEST_RUNTIME_MISSING', '/nowhere/crun', 'apt-get install crun'),
    );
    const before = process.env['PATH'];
    process.env['PATH'] = '/nowhere:relative';
    try {
      expect(() => findCrun()).toThrow(precondition('GUEST_RUNTIME_MISSING', '/nowhere/crun', 'apt-get install crun'));
    } finally {
      process.env['PATH'] = before;
    }
    const crun = path.join(temp(), 'crun');
    const content = readFileSync(parts.crun);
    content.write('libNONE', content.indexOf('libyajl.so'));
    writeFileSync(crun, content);
    await expect(buildGuestImage({ ...parts, crun })).rejects.toEqual(precondition('LIBRARY_MISSING', 'libNONE.so', 'crun'));
  });

  it('the agent', () => {
    expect(() => findAgent('/nowhere/agent')).toThrow(precondition('AGENT_MISSING', '/nowhere/agent', 'make -C native/agent'));
    process.env['SLIPWAY_AGENT'] = '/nowhere/other';
    try {
      expect(() => findAgent()).toThrow(precondition('AGENT_MISSING', '/nowhere/other'));
    } finally {
      delete process.env['SLIPWAY_AGENT'];
    }
  });
});
