import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import 'reflect-metadata';
import { failure, type Instance, journal, Place, point } from './place.js';

const one = (pointId: string, name = pointId.split('.')[0]) => `${name}: { id: '${pointId}' }`;
const lazyNeed = (pointId: string, name = pointId.split('.')[0]) => `${name}: { need: 'lazy', point: { id: '${pointId}' } }`;

test('activates the closure of what is asked for, needs first, and loads no other code', async () => {
  using place = new Place();
  place.plugin({ provides: 'a.v1', id: 'a', code: `needs: { ${one('b.v1')}, ${lazyNeed('d.v1')} },` });
  place.plugin({ provides: 'b.v1', id: 'b', code: `needs: { ${one('c.v1')} },` });
  place.plugin({ provides: 'c.v1', id: 'c' });
  place.plugin({ provides: 'd.v1', id: 'd' });
  place.plugin({ provides: 'e.v1', id: 'e' });
  await using kernel = await place.boot();
  expect(journal()).toEqual([]);
  const a = await kernel.get(point('a.v1'));
  expect(journal()).toEqual(['load a', 'load b', 'load c', 'up c', 'up b', 'up a']);
  expect(a.needs.b.needs.c.id).toBe('c');
  expect((await a.needs.d()).id).toBe('d');
  expect(journal()).not.toContain('load e');
  expect(await kernel.get(point('a.v1'))).toBe(a);
});

test('tears down in reverse order of activation', async () => {
  using place = new Place();
  place.plugin({ provides: 'a.v1', id: 'a', code: `needs: { ${one('b.v1')}, ${one('c.v1')} },` });
  place.plugin({ provides: 'b.v1', id: 'b' });
  place.plugin({ provides: 'c.v1', id: 'c' });
  place.plugin({ provides: 'x.v1', id: 'x' });
  const kernel = await place.boot();
  await kernel.get(point('a.v1'));
  await kernel.get(point('x.v1'));
  journal().length = 0;
  await kernel[Symbol.asyncDispose]();
  await kernel[Symbol.asyncDispose]();
  expect(journal()).toEqual(['down x', 'down a', 'down c', 'down b']);
  expect(await failure(kernel.get(point('a.v1')))).toMatchObject({ kind: 'canceled', code: 'KERNEL_CLOSED' });
});

test('releases a user before what it took lazily, later than itself', async () => {
  using place = new Place();
  place.plugin({ provides: 'a.v1', id: 'a', code: `needs: { ${lazyNeed('b.v1')} },` });
  place.plugin({ provides: 'b.v1', id: 'b' });
  const kernel = await place.boot();
  const a = await kernel.get(point('a.v1'));
  await a.needs.b();
  journal().length = 0;
  await kernel[Symbol.asyncDispose]();
  expect(journal()).toEqual(['down a', 'down b']);
  expect(await failure(a.needs.b())).toMatchObject({ code: 'KERNEL_CLOSED' });
});

test('hands out during a release what was taken before, and activates nothing new: a container could not be deleted when its engine was closed', async () => {
  using place = new Place();
  place.plugin({
    provides: 'a.v1',
    id: 'a',
    code: `needs: { ${lazyNeed('b.v1')}, ${lazyNeed('c.v1')} },
    activate({ needs, own }) {
      own({
        async [Symbol.asyncDispose]() {
          journal.push('took ' + (await needs.b()).id);
          await needs.c().catch((error) => journal.push(error.code));
        },
      });
      return { instance: { needs } };
    },`,
  });
  place.plugin({ provides: 'b.v1', id: 'b' });
  place.plugin({ provides: 'c.v1', id: 'c' });
  const kernel = await place.boot();
  const a = await kernel.get(point('a.v1'));
  await a.needs.b();
  journal().length = 0;
  const closing = kernel[Symbol.asyncDispose]();
  expect((await a.needs.b()).id).toBe('b');
  await closing;
  expect(journal()).toEqual(['took b', 'KERNEL_CLOSED', 'down b']);
});

test('releases what one plugin owns in reverse order, all of it, and reports every failure', async () => {
  using place = new Place();
  place.plugin({
    provides: 'a.v1',
    id: 'a',
    code: `activate({ own }) {
      own(named('first'));
      own({ [Symbol.dispose]() { throw new Error('disk on fire'); } });
      own(named('last'));
      return { instance: {} };
    }`,
  });
  const kernel = await place.boot();
  await kernel.get(point('a.v1'));
  const error = await failure(kernel[Symbol.asyncDispose]());
  expect(error.code).toBe('TEARDOWN_FAILED');
  expect(error.message).toContain('disk on fire');
  expect(journal()).toEqual(['load a', 'down last', 'down first']);
});

test('concurrent requests share one activation', async () => {
  using place = new Place();
  place.plugin({ provides: 'a.v1', id: 'a', code: `needs: { ${one('c.v1')} },` });
  place.plugin({ provides: 'b.v1', id: 'b', code: `needs: { ${one('c.v1')} },` });
  place.plugin({ provides: 'c.v1', id: 'c' });
  await using kernel = await place.boot();
  const [a, b] = await Promise.all([kernel.get(point('a.v1')), kernel.get(point('b.v1'))]);
  expect(a.needs.c).toBe(b.needs.c);
  expect(journal().filter((line) => line === 'up c')).toHaveLength(1);
});

test('an error that a plugin made itself keeps its kind, code and hint', async () => {
  using place = new Place();
  place.plugin({
    provides: 'full.v1',
    id: 'full',
    code: `activate() { throw Object.assign(new Error('no room'), { kind: 'resource-exhausted', code: 'DISK_FULL', hint: 'make room' }); }`,
  });
  await using kernel = await place.boot();
  const error = await failure(kernel.get(point('full.v1')));
  expect(error).toMatchObject({ kind: 'resource-exhausted', code: 'DISK_FULL', hint: 'make room' });
});

test('a failing activation is named, and unwinds what its request brought up and nothing else', async () => {
  using place = new Place();
  place.plugin({ provides: 'shared.v1', id: 'shared' });
  place.plugin({ provides: 'alone.v1', id: 'alone', code: `needs: { ${one('shared.v1')} },` });
  place.plugin({
    provides: 'bad.v1',
    id: 'bad',
    code: `needs: { ${one('shared.v1')}, ${one('alone.v1')} },
      activate({ own }) { own(named('half')); throw new Error('no such device'); }`,
  });
  await using kernel = await place.boot();
  await kernel.get(point('shared.v1'));
  journal().length = 0;
  const error = await failure(kernel.get(point('bad.v1')));
  expect(error).toMatchObject({
    kind: 'failed-precondition',
    code: 'PLUGIN_FAILED',
    message: 'activate plugin bad.v1/bad ("@test/bad"): no such device',
  });
  expect(journal()).toEqual(['load bad', 'load alone', 'up alone', 'down half', 'down alone']);
  const states = Object.fromEntries(kernel.status().map(({ id, state }) => [id, state]));
  expect(states).toMatchObject({ shared: 'active', alone: 'available', bad: 'failed' });
});

test('a failure does not take from under another request what both have brought up', async () => {
  using place = new Place();
  place.plugin({ provides: 'base.v1', id: 'base' });
  place.plugin({ provides: 'good.v1', id: 'good', code: `needs: { ${one('base.v1')} },` });
  place.plugin({ provides: 'bad.v1', id: 'bad', code: `needs: { ${one('base.v1')} }, activate() { throw new Error('no'); }` });
  await using kernel = await place.boot();
  const [bad, good] = await Promise.allSettled([kernel.get(point('bad.v1')), kernel.get(point('good.v1'))]);
  expect([bad.status, good.status]).toEqual(['rejected', 'fulfilled']);
  expect(journal()).not.toContain('down base');
});

test('what is asked for while it is being released is activated anew afterwards', async () => {
  using place = new Place();
  place.plugin({
    provides: 'base.v1',
    id: 'base',
    code: `activate({ own }) {
      note('up base');
      own({ async [Symbol.asyncDispose]() { note('closing base'); await globalThis.slipwayGate; note('down base'); } });
      return { instance: { id: 'base' } };
    },`,
  });
  place.plugin({ provides: 'good.v1', id: 'good', code: `needs: { ${one('base.v1')} },` });
  place.plugin({ provides: 'bad.v1', id: 'bad', code: `needs: { ${one('base.v1')} }, activate() { throw new Error('no'); }` });
  const gate = Promise.withResolvers<void>();
  (globalThis as { slipwayGate?: Promise<void> }).slipwayGate = gate.promise;
  await using kernel = await place.boot();
  await kernel.check();
  const bad = failure(kernel.get(point('bad.v1')));
  await expect.poll(() => journal()).toContain('closing base');
  const good = kernel.get(point('good.v1'));
  await new Promise(setImmediate);
  gate.resolve();
  await Promise.all([bad, good]);
  expect(journal().filter((line) => line.includes('base') || line.startsWith('up'))).toEqual([
    'load base',
    'up base',
    'closing base',
    'down base',
    'up base',
    'up good',
  ]);
});

test('the code of a plugin may wait at its top level, and runs once', async () => {
  using place = new Place();
  place.plugin({
    provides: 'a.v1',
    id: 'a',
    prelude: "globalThis.slipwayRuns = (globalThis.slipwayRuns ?? 0) + 1; const id = await Promise.resolve('late');",
    code: 'activate: () => ({ instance: { id } }),',
  });
  await using kernel = await place.boot();
  expect((await kernel.get(point('a.v1'))).id).toBe('late');
  expect((globalThis as { slipwayRuns?: number }).slipwayRuns).toBe(1);
});

test('the code of a plugin may be CommonJS', async () => {
  using place = new Place();
  const folder = place.plugin({ provides: 'a.v1', id: 'a' });
  const manifest = path.join(folder, 'package.json');
  fs.writeFileSync(manifest, fs.readFileSync(manifest, 'utf8').replace('"type":"module"', '"type":"commonjs"'));
  const code = "{ provides: { id: 'a.v1' }, id: 'a', api: '1.0', activate: () => ({ instance: { id: 'required' } }) }";
  fs.writeFileSync(path.join(folder, 'plugin.js'), `exports.plugin = ${code};`);
  await using kernel = await place.boot();
  expect((await kernel.get(point('a.v1'))).id).toBe('required');
});

test('a failed activation is tried anew by the next request', async () => {
  using place = new Place();
  place.plugin({
    provides: 'a.v1',
    id: 'a',
    prelude: 'let attempts = 0;',
    code: `activate() { if (attempts++ === 0) throw new Error('no room'); return { instance: { id: 'a' } }; }`,
  });
  await using kernel = await place.boot();
  expect((await failure(kernel.get(point('a.v1')))).message).toContain('no room');
  expect((await kernel.get(point('a.v1'))).id).toBe('a');
});

test('a hanging activation is timed out by name, aborted, and what it acquires later is released at once', async () => {
  using place = new Place();
  place.plugin({
    provides: 'slow.v1',
    id: 'slow',
    code: `async activate({ own, signal }) {
      own(named('early'));
      await new Promise((resolve) => signal.addEventListener('abort', () => setImmediate(resolve)));
      try { own(named('late')); } catch (error) { note('told ' + error.code); throw error; }
      return { instance: {} };
    }`,
  });
  place.plugin({ provides: 'a.v1', id: 'a', code: `needs: { ${one('slow.v1')} },` });
  await using kernel = await place.boot({ timeouts: { activateMs: 50 } });
  const error = await failure(kernel.get(point('a.v1')));
  expect(error).toMatchObject({
    kind: 'failed-precondition',
    code: 'PLUGIN_TIMED_OUT',
    message: 'plugin slow.v1/slow ("@test/slow") has not become active within 0.05 s',
    hint: 'the plugin hangs: wire another, or report this to its author',
  });
  await expect.poll(() => journal()).toContain('told CANCELED');
  expect(journal()).toEqual(['load a', 'load slow', 'down early', 'down late', 'told CANCELED']);
});

test('the plugin that hangs is named, not the one that waits for it lazily', async () => {
  using place = new Place();
  place.plugin({ provides: 'hang.v1', id: 'hang', code: 'activate: () => new Promise(() => {}),' });
  place.plugin({
    provides: 'a.v1',
    id: 'a',
    code: `needs: { ${lazyNeed('hang.v1')} }, async activate({ needs }) { await needs.hang(); return { instance: {} }; }`,
  });
  await using kernel = await place.boot({ timeouts: { activateMs: 50 } });
  const error = await failure(kernel.get(point('a.v1')));
  expect(error.message).toBe(
    'activate plugin a.v1/a ("@test/a"): plugin hang.v1/hang ("@test/hang") has not become active within 0.05 s',
  );
});

test('an activation that still hangs is not begun a second time', async () => {
  using place = new Place();
  place.plugin({
    provides: 'hang.v1',
    id: 'hang',
    code: `activate() { note('try'); return new Promise(() => {}); },`,
  });
  await using kernel = await place.boot({ timeouts: { activateMs: 20 } });
  await failure(kernel.get(point('hang.v1')));
  expect((await failure(kernel.get(point('hang.v1')))).code).toBe('PLUGIN_TIMED_OUT');
  expect(journal()).toEqual(['load hang', 'try']);
});

test('a module that never finishes loading is timed out by name', async () => {
  using place = new Place();
  const folder = place.plugin({ provides: 'a.v1', id: 'a', prelude: 'await new Promise(() => {});' });
  await using kernel = await place.boot({ timeouts: { loadMs: 50 } });
  expect((await failure(kernel.get(point('a.v1')))).message).toBe(
    `plugin "@test/a" (${folder}/plugin.js) has not loaded within 0.05 s`,
  );
});

test('a hanging release is timed out by name', async () => {
  using place = new Place();
  place.plugin({
    provides: 'a.v1',
    id: 'a',
    code: `activate({ own }) {
      own(named('a'));
      own({ [Symbol.asyncDispose]: () => new Promise(() => {}) });
      return { instance: {} };
    }`,
  });
  const kernel = await place.boot({ timeouts: { releaseMs: 50 } });
  await kernel.get(point('a.v1'));
  const error = await failure(kernel[Symbol.asyncDispose]());
  expect(error.message).toContain('release of a resource of plugin a.v1/a has not ended within 0.05 s');
  expect(journal()).toContain('down a');
});

test('teardown gives up an activation in flight', async () => {
  using place = new Place();
  place.plugin({
    provides: 'a.v1',
    id: 'a',
    code: `async activate({ own }) { own(named('a')); note('begun'); return new Promise(() => {}); }`,
  });
  const kernel = await place.boot();
  const request = failure(kernel.get(point('a.v1')));
  await expect.poll(() => journal()).toContain('begun');
  await kernel[Symbol.asyncDispose]();
  expect((await request).code).toBe('KERNEL_CLOSED');
  expect(journal()).toContain('down a');
});

const skipping = `activate({ own, skip }) { own(named('probe')); skip('the kernel has no overlayfs', 'load the module overlay'); }`;

test('a skipped plugin is shown with its reason, and an error only for who needs it', async () => {
  using place = new Place();
  place.plugin({ provides: 'snap.v1', id: 'fast', code: skipping });
  place.plugin({ provides: 'a.v1', id: 'a', code: `needs: { ${one('snap.v1')} },` });
  place.plugin({ provides: 'b.v1', id: 'b', code: `needs: { all: { need: 'many', point: { id: 'snap.v1' } } },` });
  place.plugin({ provides: 'c.v1', id: 'c', code: `needs: { snap: { need: 'optional', point: { id: 'snap.v1' } } },` });
  await using kernel = await place.boot();
  const error = await failure(kernel.get(point('a.v1')));
  expect(error).toMatchObject({
    kind: 'failed-precondition',
    code: 'PLUGIN_SKIPPED',
    message: 'this host cannot run a.v1/a: it needs snap.v1/fast: the kernel has no overlayfs',
    hint: 'load the module overlay',
  });
  expect((await kernel.get(point('b.v1'))).needs.all.size).toBe(0);
  expect((await kernel.get(point('c.v1'))).needs.snap).toBeUndefined();
  expect(kernel.status().find(({ id }) => id === 'fast')).toMatchObject({
    state: 'skipped',
    reason: 'the kernel has no overlayfs',
    hint: 'load the module overlay',
  });
  expect(journal().filter((line) => line === 'down probe')).toHaveLength(1);
});

test('a list in [stack] takes the first that the host can run', async () => {
  using place = new Place();
  place.plugin({ provides: 'snapshotter.v1', id: 'fast', code: skipping });
  place.plugin({ provides: 'snapshotter.v1', id: 'plain' });
  place.plugin({ provides: 'a.v1', id: 'a', code: `needs: { ${one('snapshotter.v1')} },` });
  place.config('stack.snapshotter = ["fast", "plain"]');
  await using kernel = await place.boot();
  expect((await kernel.get(point('a.v1'))).needs.snapshotter.id).toBe('plain');
  expect((await kernel.get(point('snapshotter.v1'))).id).toBe('plain');
});

test('needs of every kind', async () => {
  using place = new Place();
  place.plugin({ provides: 'p.v1', id: 'p1', declares: { writes: ['overlay'] } });
  place.plugin({ provides: 'p.v1', id: 'p2' });
  place.plugin({
    provides: 'a.v1',
    id: 'a',
    code: `needs: {
      all: { need: 'many', point: { id: 'p.v1' } },
      each: { need: 'lazy-many', point: { id: 'p.v1' } },
      none: { need: 'optional', point: { id: 'nobody.v1' } },
    },`,
  });
  await using kernel = await place.boot();
  const { needs } = await kernel.get(point('a.v1'));
  expect([...needs.all.keys()]).toEqual(['p1', 'p2']);
  expect(needs.none).toBeUndefined();
  expect(needs.each.ids).toEqual(['p1', 'p2']);
  expect(needs.each.declares('p1')).toEqual({ writes: ['overlay'] });
  expect(needs.each.declares('p3')).toBeUndefined();
  expect(await needs.each.get('p2')).toBe(needs.all.get('p2'));
  expect(await failure(needs.each.get('p3'))).toMatchObject({ kind: 'not-found', hint: 'did you mean "p1"?' });
});

test('a circle through a lazy need works when nothing waits for it', async () => {
  using place = new Place();
  place.plugin({ provides: 'a.v1', id: 'a', code: `needs: { ${lazyNeed('b.v1')} },` });
  place.plugin({ provides: 'b.v1', id: 'b', code: `needs: { ${one('a.v1')} },` });
  await using kernel = await place.boot();
  const a: Instance = await kernel.get(point('a.v1'));
  expect((await a.needs.b()).needs.a).toBe(a);
});

test('a circle that is waited for during activation is found at once', async () => {
  using place = new Place();
  place.plugin({
    provides: 'a.v1',
    id: 'a',
    code: `needs: { ${lazyNeed('b.v1')} }, async activate({ needs }) { await needs.b(); return { instance: {} }; }`,
  });
  place.plugin({ provides: 'b.v1', id: 'b', code: `needs: { ${one('a.v1')} },` });
  await using kernel = await place.boot();
  const error = await failure(kernel.get(point('a.v1')));
  expect(error.message).toBe(
    'activate plugin a.v1/a ("@test/a"): plugins wait for each other in a circle: a.v1/a -> b.v1/b -> a.v1/a',
  );
});

test('garbage from activate is an error that names the plugin', async () => {
  using place = new Place();
  place.plugin({ provides: 'a.v1', id: 'a', code: 'activate: () => 7,' });
  await using kernel = await place.boot();
  expect((await failure(kernel.get(point('a.v1')))).message).toBe(
    'activate plugin a.v1/a ("@test/a"): activate() returned no instance',
  );
});

test('own() takes only what can be disposed', async () => {
  using place = new Place();
  place.plugin({ provides: 'a.v1', id: 'a', code: 'activate({ own }) { own({}); return { instance: {} }; },' });
  await using kernel = await place.boot();
  expect((await failure(kernel.get(point('a.v1')))).message).toBe(
    'activate plugin a.v1/a ("@test/a"): own() was given a value that cannot be disposed',
  );
});

test('folders are made just before activation, 0700, and only for what is activated', async () => {
  using place = new Place();
  place.plugin({ provides: 'a.v1', id: 'a' });
  place.plugin({ provides: 'b.v1', id: 'b' });
  await using kernel = await place.boot();
  expect(fs.existsSync(place.root)).toBe(false);
  const { dirs } = await kernel.get(point('a.v1'));
  expect(dirs).toEqual({ root: path.join(place.root, 'a.v1/a'), state: path.join(place.state, 'a.v1/a') });
  for (const folder of [place.root, place.state, dirs.root, dirs.state, path.dirname(dirs.root)]) {
    expect(fs.statSync(folder).mode & 0o777).toBe(0o700);
  }
  expect(fs.readdirSync(place.root)).toEqual(['a.v1']);
});

test('a root where no folder can be made is an error, and no attempt without an end', async () => {
  using place = new Place();
  place.plugin({ provides: 'a.v1', id: 'a' });
  const config = await place.load({ env: { SLIPWAY_ROOT: '/proc/slipway/root' } });
  await using kernel = await place.boot({ config });
  expect(await failure(kernel.get(point('a.v1')))).toMatchObject({ kind: 'not-found', code: 'SYSTEM_ENOENT' });
});

test('a root folder that others can write to is refused', async () => {
  using place = new Place();
  place.plugin({ provides: 'a.v1', id: 'a' });
  fs.mkdirSync(place.root);
  fs.chmodSync(place.root, 0o777);
  await using kernel = await place.boot();
  expect(await failure(kernel.get(point('a.v1')))).toMatchObject({
    kind: 'permission-denied',
    message: `folder "${place.root}" has mode 0777: others can write to it`,
  });
});
