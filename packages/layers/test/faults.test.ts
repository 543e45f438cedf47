import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { applyLayer, rebaseLayer, stageLayer } from '@slipway/layers';
import { type LinuxSystem, linux } from '@slipway/linux';
import { expect, test } from 'vitest';
import { Stack } from './stack.js';
import { type EntryOptions, tar } from './tar-builder.js';

const errno = (code: string): Error => Object.assign(new Error(`${code}: from the test`), { code });

test('a file system without extended attributes: one warning, and on it goes', async () => {
  using stack = new Stack();
  const refuse = (): never => {
    throw errno('ENOTSUP');
  };
  const system: LinuxSystem = { ...linux, lsetxattr: refuse, llistxattr: refuse, lgetxattr: refuse };
  const warnings: string[] = [];
  const layer = tar(
    { name: 'x', body: 'x', pax: { 'SCHILY.xattr.user.a': '1', 'SCHILY.xattr.user.b': '2' } },
    { name: 'd/', type: '5', pax: { 'SCHILY.xattr.user.c': '3' } },
    { name: 'd/', type: '5', pax: { 'SCHILY.xattr.user.c': '3' } },
  );
  const target = { format: 'directory', path: stack.directory, lower: [] } as const;
  await applyLayer([layer], target, { system, onWarning: (message) => warnings.push(message) });
  expect(warnings).toHaveLength(1);
  expect(Object.keys(stack.listDirectory())).toEqual(['.', 'd', 'x']);
});

test('what Linux cannot hold is an error of the layer that names the entry', async () => {
  using stack = new Stack();
  const impossible: EntryOptions[] = [
    { name: 'x', pax: { [`SCHILY.xattr.user.${'n'.repeat(300)}`]: 'v' } },
    { name: 'x', pax: { 'SCHILY.xattr.user.n': 'v'.repeat(70_000) } },
    { name: 'x', type: '2', link: 'l', pax: { linkpath: 'l'.repeat(5000) } },
    {
      name: 'x',
      pax: { 'GNU.sparse.name': 'x', 'GNU.sparse.major': '0', 'GNU.sparse.size': `${2 ** 53 - 1}`, 'GNU.sparse.map': '0,0' },
    },
  ];
  for (const entry of impossible) {
    const error = await stack.applyDirectory(tar(entry)).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ kind: 'invalid-argument' });
    expect((error as Error).message).toContain('"x"');
  }
});

test.each(['ENOSPC', 'EIO', 'EMFILE'])(
  '%s while writing keeps its kind, names the entry and closes every descriptor',
  async (code) => {
    using stack = new Stack();
    const system: LinuxSystem = {
      ...linux,
      lutimes: () => {
        throw errno(code);
      },
    };
    const target = { format: 'directory', path: stack.directory, lower: [] } as const;
    const layer = tar({ name: 'd/x', body: 'x', pax: { mtime: '1.5' } });
    const before = readdirSync('/proc/self/fd').length;
    await expect(applyLayer([layer], target, { system })).rejects.toMatchObject({
      code: `SYSTEM_${code}`,
      message: expect.stringContaining('"d/x"'),
    });
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  },
);

test.each(['mknod', 'lsetxattr', 'lutimes'] as const)(
  'a full disk in a rebase keeps its kind and closes every descriptor: %s',
  async (call) => {
    using stack = new Stack();
    await stack.applyOverlay(tar({ name: 'd/low' }, { name: 'o/low' }, { name: 'i/', type: '5', pax: { mtime: '1.5' } }));
    const target = { format: 'overlay', path: path.join(stack.folder, 'top'), lower: [] } as const;
    mkdirSync(target.path);
    const layer = tar({ name: 'd/.wh.low' }, { name: 'o/.wh..wh..opq' }, { name: 'i/new' });
    const notes = await stageLayer([layer], target, { system: linux });
    const fail = (): never => {
      throw errno('ENOSPC');
    };
    const before = readdirSync('/proc/self/fd').length;
    const system: LinuxSystem = { ...linux, [call]: fail };
    expect(() => rebaseLayer({ ...target, lower: stack.overlay }, notes, { system })).toThrow(
      expect.objectContaining({ kind: 'resource-exhausted', code: 'SYSTEM_ENOSPC' }),
    );
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  },
);

test('a layer of many directories keeps few descriptors open', async () => {
  using stack = new Stack();
  const wide = Array.from({ length: 700 }, (_, index) => ({ name: `w${index}/x/y` }));
  await stack.apply(tar(...wide));
  const before = readdirSync('/proc/self/fd').length;
  let most = 0;
  function* chunks(layer: Buffer): Iterable<Uint8Array> {
    for (let at = 0; at < layer.length; at += 5000) {
      most = Math.max(most, readdirSync('/proc/self/fd').length);
      yield layer.subarray(at, at + 5000);
    }
  }
  const target = { format: 'overlay', path: path.join(stack.folder, 'top'), lower: stack.overlay } as const;
  mkdirSync(target.path);
  const layer = tar(...wide.map(({ name }) => ({ name: `${name}2` })), ...wide.map(({ name }) => ({ name: `${name}3` })));
  await applyLayer(chunks(layer), target, { system: linux });
  expect(most - before).toBeLessThan(300);
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});

test('an aborted signal ends it between two chunks', async () => {
  using stack = new Stack();
  const abort = new AbortController();
  function* chunks(): Iterable<Uint8Array> {
    yield tar({ name: 'x' }).subarray(0, 512);
    abort.abort();
    yield Buffer.alloc(1024);
  }
  const target = { format: 'directory', path: stack.directory, lower: [] } as const;
  await expect(applyLayer(chunks(), target, { system: linux, signal: abort.signal })).rejects.toMatchObject({ kind: 'canceled' });
});
