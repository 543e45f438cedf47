import assert from 'node:assert/strict';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import type { CreateRequest } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import { outcomeOf } from './bench.js';
import { Listener } from './bytes.js';
import { leftoversOf, nothing } from './leftovers.js';
import type { RuntimeLaw } from './subject.js';

/** What `create` makes, and what it refuses. */
export function creationLaws(law: RuntimeLaw): void {
  law('create runs nothing of the user, and mounts nothing that the caller sees', async ({ runtime, bench }) => {
    const container = await bench.create('touch /tmp/ran; echo ran', { stdio: { stdout: 'pipe' } });
    const listener = new Listener(container.stdout);
    assert.equal((await runtime.state(container.id)).status, 'created');
    assert.deepEqual(leftoversOf(bench).mounts, []);
    assert.deepEqual([existsSync(join(bench.rootfs, 'tmp/ran')), listener.text], [false, '']);
    await container.start();
    await listener.until('ran\n');
    await container.wait();
  });

  law('an id is taken once, and the first container goes on', async ({ bench }) => {
    const container = await bench.create('exit 7');
    await expectKind(bench.create('true', { id: container.id }), 'already-exists');
    await container.start();
    assert.equal((await container.wait()).exitCode, 7);
  });

  law('an id that is no name is refused before anything is made', async ({ runtime, bench }) => {
    const request = bench.request('true');
    for (const id of ['', '.', '..', '../x', 'a/b', '--flag', 'a\nb', 'a\0b', 'x'.repeat(65)]) {
      await expectKind(runtime.create({ ...request, id }), 'invalid-argument');
      await expectKind(runtime.state(id), 'invalid-argument');
      await expectKind(runtime.delete(id), 'invalid-argument');
    }
  });

  law('what the program is, and that it cannot be executed, is told at the creation', async ({ bench }) => {
    for (const [command, kind, code] of bench.some(badCommands, [badCommands[0], badCommands[2]])) {
      await assert.rejects(bench.create([command]), { kind, code }, command);
      assert.deepEqual(leftoversOf(bench), nothing, command);
    }
  });

  law('what the request says must be possible and fit config.json', async ({ runtime, bench }) => {
    const request = bench.request('true');
    const floppy = [{ kind: 'floppy', source: '/' }] as unknown as CreateRequest['rootfs'];
    await expectKind(runtime.create({ ...request, rootfs: floppy }), 'unimplemented');
    const terminal = { columns: 80, rows: 24 };
    await expectKind(runtime.create({ ...request, stdio: { ...request.stdio, terminal } }), 'invalid-argument');
    await expectKind(runtime.create({ ...request, bundle: 'relative' }), 'invalid-argument');
    writeFileSync(join(request.bundle, 'config.json'), '{"root": {}}');
    await expectKind(runtime.create(request), 'invalid-argument');
  });

  law('a creation that is given up is canceled and leaves nothing', async ({ runtime, bench }) => {
    for (const afterMs of bench.some([0, 4, 8, 16], [0, 16, 200])) {
      const controller = new AbortController();
      const timer = setTimeout(() => controller.abort(), afterMs);
      const made = await bench.create('true', { request: { signal: controller.signal } }).catch((error: unknown) => error);
      clearTimeout(timer);
      if (made instanceof Error) await expectKind(Promise.reject(made), 'canceled');
      else await runtime.delete((made as { id: string }).id);
      assert.deepEqual(leftoversOf(bench), nothing);
    }
  });

  law('a mount tree that is handed over is seen where config.json binds it, and nowhere else', async ({ bench }) => {
    const source = join(bench.root, 'handed-over');
    mkdirSync(source);
    writeFileSync(join(source, 'file'), 'from a tree\n');
    const request = bench.request('cat /mnt/file', { stdio: { stdout: 'pipe' } });
    const directory = join(request.bundle, 'trees/0');
    const file = join(request.bundle, 'config.json');
    const spec = JSON.parse(readFileSync(file, 'utf8'));
    spec.mounts.push({ destination: '/mnt', type: 'bind', source: directory, options: ['rbind', 'ro'] });
    writeFileSync(file, JSON.stringify(spec));
    const fd = linux.mountDetached([{ kind: 'bind', source, readOnly: false }]);
    try {
      const container = await bench.runtime.create({ ...request, attachments: [{ fd, directory }] });
      assert.deepEqual(leftoversOf(bench).mounts, []);
      await container.start();
      assert.equal((await outcomeOf(container)).stdout, 'from a tree\n');
    } finally {
      closeSync(fd);
    }
  });

  law('a lock that is handed over is held until the container is deleted, and not seen in it', async ({ runtime, bench }) => {
    const file = join(bench.root, 'handed-over-lock');
    const fd = openSync(file, 'w');
    assert.ok(linux.tryFlock(fd, 'exclusive'));
    const container = await bench.create('ls -l /proc/self/fd', {
      stdio: { stdout: 'pipe' },
      request: { keepOpen: [fd], dieWithParent: true },
    });
    closeSync(fd);
    const other = openSync(file, 'r');
    try {
      assert.equal(linux.tryFlock(other, 'exclusive'), false);
      await container.start();
      const { stdout } = await outcomeOf(container);
      assert.doesNotMatch(stdout, /handed-over|lock|socket:/);
      await runtime.delete(container.id);
      assert.equal(linux.tryFlock(other, 'exclusive'), true);
    } finally {
      closeSync(other);
    }
  });
}

export const badCommands = [
  ['nope', 'not-found', 'COMMAND_NOT_FOUND'],
  ['/bin/nope', 'not-found', 'COMMAND_NOT_FOUND'],
  ['/etc/plain', 'permission-denied', 'COMMAND_NOT_EXECUTABLE'],
  ['/etc', 'permission-denied', 'COMMAND_NOT_EXECUTABLE'],
] as const;
