import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { extractVmlinux, findKernel } from '@slipway/guest';
import { cloudKernel } from '@slipway/machine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bzImage, elfWithNote } from './elf-file.js';
import { lz4Frame } from './lz4-frame.js';
import { temp } from './temp.js';

const vmlinux = elfWithNote(18, 100_000);
const lz4 = lz4Frame([{ literals: vmlinux }]);

describe('findKernel', () => {
  const folder = temp();
  const roots = [path.join(folder, 'root'), path.join(folder, 'brought')];
  const install = (root: number, release: string, withModules = true): { image: string; modules: string } => {
    const image = path.join(roots[root]!, 'boot', `vmlinuz-${release}`);
    const modules = path.join(roots[root]!, 'lib/modules', release);
    mkdirSync(path.dirname(image), { recursive: true });
    writeFileSync(image, bzImage(lz4, vmlinux.length, release));
    mkdirSync(modules, { recursive: true });
    if (withModules) writeFileSync(path.join(modules, 'modules.builtin'), '');
    return { image, modules };
  };

  it('says what to install where there is none', () => {
    expect(() => findKernel({ roots })).toThrow(
      expect.objectContaining({
        kind: 'failed-precondition',
        code: 'KERNEL_MISSING',
        hint: expect.stringContaining('apt-get install linux-image-cloud-amd64'),
      }),
    );
    expect(() => findKernel({ kernel: path.join(folder, 'none') })).toThrow(expect.objectContaining({ code: 'KERNEL_MISSING' }));
  });

  it('takes the newest for clouds that has its modules, else the newest at all, wherever it lies', () => {
    install(0, '6.9.0-1-amd64');
    const plain = install(0, '6.10.0-1-amd64');
    expect(findKernel({ roots })).toEqual(plain);
    const brought = install(1, '6.1.0-2-cloud-amd64');
    expect(findKernel({ roots })).toEqual(brought);
    install(0, '6.12.0-9-cloud-amd64');
    const newest = install(1, '6.12.0-10-cloud-amd64');
    install(0, '6.13.0-1-cloud-amd64', false);
    expect(findKernel({ roots })).toEqual(newest);
    expect(findKernel({ roots: [roots[1]!, roots[0]!] })).toEqual(newest);
    const installed = install(0, '6.12.0-10-cloud-amd64');
    expect(findKernel({ roots })).toEqual(installed);
  });

  it("finds the modules of one's own kernel by the release in its header; without them it is taken to have all built in", () => {
    const own = path.join(folder, 'own');
    const { modules } = install(1, '6.9.1-amd64');
    writeFileSync(own, bzImage(lz4, vmlinux.length, '6.9.1-amd64'));
    expect(findKernel({ kernel: own, roots })).toEqual({ image: own, modules });
    expect(findKernel({ kernel: own, modules: '/m', roots }).modules).toBe('/m');
    for (const release of ['../modules', '..', 'other']) {
      writeFileSync(own, bzImage(lz4, vmlinux.length, release));
      expect(findKernel({ kernel: own, roots })).toEqual({ image: own, modules: undefined });
    }
    writeFileSync(own, vmlinux);
    expect(findKernel({ kernel: own, roots }).modules).toBeUndefined();
  });
});

describe('extractVmlinux', () => {
  it.each([
    ['lz4', lz4],
    ['gzip', undefined],
    ['zstd', zstdCompressSync(vmlinux)],
  ])('takes the kernel out of a bzImage that is compressed by %s', async (_, compressed) => {
    // The length at the end is gzip's own.
    const image =
      compressed === undefined ? bzImage(gzipSync(vmlinux).subarray(0, -4), vmlinux.length) : bzImage(compressed, vmlinux.length);
    const { form, content } = await extractVmlinux(image, 'k');
    expect(form).toBe('vmlinux');
    expect(content.equals(vmlinux)).toBe(true);
  });

  it('lets a bzImage unpack itself when it is compressed in another way, or has no entry point for PVH', async () => {
    const [xz, other] = [bzImage(Buffer.from('fd377a585a0000000000', 'hex'), 10), elfWithNote(2)];
    expect(await extractVmlinux(xz, 'k')).toEqual({ form: 'bzImage', content: xz });
    const without = bzImage(lz4Frame([{ literals: other }]), other.length);
    expect(await extractVmlinux(without, 'k')).toEqual({ form: 'bzImage', content: without });
  });

  it('takes a vmlinux as it is', async () => {
    expect(await extractVmlinux(vmlinux, 'k')).toEqual({ form: 'vmlinux', content: vmlinux });
  });

  it.each([
    ['nothing', Buffer.alloc(0), 'neither a bzImage nor an ELF file'],
    ['a text', Buffer.from('no kernel'.repeat(100)), 'neither a bzImage nor an ELF file'],
    ['a vmlinux without PVH', elfWithNote(2), 'CONFIG_PVH'],
    ['one that is cut off', bzImage(lz4, vmlinux.length).subarray(0, 2000), 'it is cut off'],
    ['one with a block that is cut off', bzImage(lz4.subarray(0, -10), vmlinux.length), 'its payload is damaged'],
    ['one with another length', bzImage(lz4, vmlinux.length + 1), 'its payload is damaged'],
    ['damaged gzip', bzImage(Buffer.concat([gzipSync(vmlinux).subarray(0, 30), Buffer.alloc(30)]), 1), 'its payload is damaged'],
    ['damaged zstd', bzImage(zstdCompressSync(vmlinux).subarray(0, 30), vmlinux.length), 'its payload is damaged'],
    [
      'a block that copies from before its beginning',
      bzImage(Buffer.from('02214c180500000010410500f0', 'hex'), 5),
      'its payload is damaged',
    ],
  ])('refuses %s', async (_, file, message) => {
    await expect(extractVmlinux(file, '/boot/k')).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: 'KERNEL_UNREADABLE',
      message: expect.stringContaining(message) as string,
    });
  });

  it('gives the same kernel at each of many calls: one was a byte short as long as its loop was not compiled well', async () => {
    const image = readFileSync(cloudKernel().kernel);
    const contents = [];
    for (let i = 0; i < 3; i++) contents.push((await extractVmlinux(image, 'k')).content);
    for (const content of contents) expect(content.equals(contents[0]!)).toBe(true);
    expect(contents[0]!.length).toBeGreaterThan(20_000_000);
  });

  it('gives what was compressed, whatever it is', async () => {
    const sequence = fc.record({ literals: fc.uint8Array({ maxLength: 600 }), distance: fc.nat(65_535), length: fc.nat(600) });
    await fc.assert(
      fc.asyncProperty(fc.array(sequence, { maxLength: 40 }), async (sequences) => {
        const parts = [
          { literals: vmlinux, copy: { distance: 0, length: 0 } },
          ...sequences.map(({ literals, ...copy }) => ({ literals: Buffer.from(literals), copy })),
        ];
        const expected = lz4Frame.expanded(parts);
        const { content } = await extractVmlinux(bzImage(lz4Frame(parts), expected.length), 'k');
        expect(content.equals(expected)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('survives any damage', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(lz4.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const damaged = Buffer.from(lz4Frame([{ literals: vmlinux.subarray(0, 5000), copy: { distance: 4000, length: 9000 } }]));
        damaged[4 + (at % (damaged.length - 4))]! ^= change;
        await extractVmlinux(bzImage(damaged, 14_000), 'k').catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'KERNEL_UNREADABLE' });
        });
      }),
      { numRuns: 300 },
    );
  });
});
