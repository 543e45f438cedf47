import assert from 'node:assert/strict';
import { expectKind } from '../expect-kind.js';
import { listed, type SnapshotLaw } from './subject.js';

/** Kinds, keys, parents, labels, and what is refused. Names in brackets are those of containerd's suite. */
export function stateLaws(law: SnapshotLaw): void {
  law('an active snapshot can be looked up (StatActive)', async ({ snapshotter }) => {
    await snapshotter.prepare('a', undefined, { labels: { color: 'blue' } });
    const found = await snapshotter.stat('a');
    assert.equal(found.kind, 'active');
    assert.equal(found.name, 'a');
    assert.equal(found.parent, undefined);
    assert.deepEqual(found.labels, { color: 'blue' });
    assert.ok(Date.parse(found.createdAt) <= Date.parse(found.updatedAt));
  });

  law('commit consumes the key (StatCommitted)', async ({ snapshotter }) => {
    await snapshotter.prepare('a');
    await snapshotter.commit('A', 'a', { labels: { x: '1' } });
    await expectKind(snapshotter.stat('a'), 'not-found');
    const found = await snapshotter.stat('A');
    assert.equal(found.kind, 'committed');
    assert.deepEqual(found.labels, { x: '1' });
    await snapshotter.prepare('a', 'A');
    assert.equal((await snapshotter.stat('a')).parent, 'A');
  });

  law('parents are of parents (Transitivity)', async ({ snapshotter }) => {
    for (const [name, parent] of [
      ['A', undefined],
      ['B', 'A'],
      ['C', 'B'],
    ] as const) {
      await snapshotter.prepare('k', parent);
      await snapshotter.commit(name, 'k');
    }
    await snapshotter.view('v', 'C');
    const parents = (await listed(snapshotter)).map(({ name, kind, parent }) => [name, kind, parent]);
    assert.deepEqual(parents, [
      ['A', 'committed', undefined],
      ['B', 'committed', 'A'],
      ['C', 'committed', 'B'],
      ['v', 'view', 'C'],
    ]);
  });

  law('a taken key or name is already-exists (PrepareViewFailingCases)', async ({ snapshotter }) => {
    await snapshotter.prepare('active');
    await snapshotter.view('view');
    await snapshotter.prepare('k');
    await snapshotter.commit('committed', 'k');
    for (const key of ['active', 'view', 'committed']) {
      await expectKind(snapshotter.prepare(key), 'already-exists');
      await expectKind(snapshotter.view(key), 'already-exists');
      await expectKind(snapshotter.commit(key, 'active'), 'already-exists');
    }
    assert.equal((await snapshotter.stat('active')).kind, 'active');
    assert.equal((await listed(snapshotter)).length, 3);
  });

  law('a parent must be there and committed (PrepareViewFailingCases)', async ({ snapshotter }) => {
    await snapshotter.prepare('active');
    await snapshotter.view('view');
    await expectKind(snapshotter.prepare('k', 'missing'), 'not-found');
    await expectKind(snapshotter.view('k', 'missing'), 'not-found');
    for (const parent of ['active', 'view']) {
      await expectKind(snapshotter.prepare('k', parent), 'invalid-argument');
      await expectKind(snapshotter.view('k', parent), 'invalid-argument');
    }
    await expectKind(snapshotter.stat('k'), 'not-found');
  });

  law('only an active snapshot can be committed', async ({ snapshotter }) => {
    await snapshotter.view('view');
    await expectKind(snapshotter.commit('name', 'view'), 'failed-precondition');
    await expectKind(snapshotter.commit('name', 'missing'), 'not-found');
    await snapshotter.prepare('k');
    await snapshotter.commit('committed', 'k');
    await expectKind(snapshotter.commit('name', 'committed'), 'failed-precondition');
    await expectKind(snapshotter.commit('name', 'k'), 'not-found');
    await expectKind(snapshotter.stat('name'), 'not-found');
  });

  law('what has children stays (Remove)', async ({ snapshotter }) => {
    await snapshotter.prepare('k');
    await snapshotter.commit('A', 'k');
    await snapshotter.prepare('child', 'A');
    await snapshotter.view('view', 'A');
    await expectKind(snapshotter.remove('A'), 'failed-precondition');
    await snapshotter.remove('child');
    await expectKind(snapshotter.remove('A'), 'failed-precondition');
    await snapshotter.remove('view');
    await snapshotter.remove('A');
    await expectKind(snapshotter.remove('A'), 'not-found');
    assert.deepEqual(await listed(snapshotter), []);
  });

  law('a key can be used again after remove', async ({ snapshotter }) => {
    await snapshotter.prepare('k', undefined, { labels: { first: 'yes' } });
    await snapshotter.remove('k');
    await snapshotter.view('k');
    assert.deepEqual((await snapshotter.stat('k')).labels, {});
    assert.equal((await snapshotter.stat('k')).kind, 'view');
  });

  law('update replaces the labels and nothing else (Update)', async ({ snapshotter }) => {
    await snapshotter.prepare('k', undefined, { labels: { a: '1', b: '2' } });
    const before = await snapshotter.stat('k');
    const labels = JSON.parse('{"b":"3","__proto__":"plain","constructor":"data"}') as Record<string, string>;
    const updated = await snapshotter.update('k', labels);
    const found = await snapshotter.stat('k');
    assert.deepEqual(found, updated);
    assert.deepEqual(JSON.stringify(found.labels), JSON.stringify(labels));
    assert.deepEqual({ ...found, labels: before.labels, updatedAt: before.updatedAt }, before);
    await expectKind(snapshotter.update('missing', {}), 'not-found');
    // One that got in would make the books unreadable.
    await expectKind(snapshotter.update('k', { a: 1 } as unknown as Record<string, string>), 'invalid-argument');
    assert.deepEqual(await listed(snapshotter), [found]);
  });

  law('walk shows all in key order and agrees with stat (Walk, StatInWalk)', async ({ snapshotter }) => {
    const keys = ['b', 'a', 'é', '\u{1F600}', '\uFFFD', 'a/b', '../up'];
    for (const key of keys) await snapshotter.prepare(key, undefined, { labels: { key } });
    const seen: string[] = [];
    for await (const info of snapshotter.walk()) {
      assert.deepEqual(await snapshotter.stat(info.name), info);
      seen.push(info.name);
    }
    assert.deepEqual(
      seen,
      keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
  });

  law('walk shows one moment, whatever happens meanwhile', async ({ snapshotter }) => {
    for (const key of ['a', 'b', 'c']) await snapshotter.prepare(key);
    const seen: string[] = [];
    for await (const info of snapshotter.walk()) {
      seen.push(info.name);
      if (seen.length > 1) continue;
      await snapshotter.remove('b');
      await snapshotter.prepare('d');
    }
    assert.deepEqual(seen, ['a', 'b', 'c']);
  });

  law('keys are opaque: 1 to 512 characters of any kind', async ({ snapshotter }) => {
    const odd = [
      '..',
      '.',
      '/',
      '/etc/passwd',
      'a\nb',
      'nul\0inside',
      '__proto__',
      '-f',
      'x'.repeat(512),
      '\u{1F600}'.repeat(512),
    ];
    // Alike in their first 500 characters.
    odd.push(`${'€'.repeat(500)}1`, `${'€'.repeat(500)}2`);
    for (const key of odd) {
      await snapshotter.prepare(key, undefined, { labels: { key } });
      assert.equal((await snapshotter.stat(key)).name, key);
      assert.equal((await snapshotter.stat(key)).labels['key'], key);
    }
    assert.equal((await listed(snapshotter)).length, odd.length);
    for (const key of odd) await snapshotter.remove(key);
    for (const key of ['', 'x'.repeat(513), '\uD800']) {
      await expectKind(snapshotter.prepare(key), 'invalid-argument');
      await expectKind(snapshotter.view('v', key), 'invalid-argument');
    }
  });

  law('mounts and layer targets are of what may be written or seen', async ({ snapshotter }) => {
    const prepared = await snapshotter.prepare('k');
    assert.deepEqual(await snapshotter.mounts('k'), prepared);
    assert.ok((await snapshotter.layerTarget('k')).path.startsWith('/'));
    await snapshotter.commit('A', 'k');
    const viewed = await snapshotter.view('v', 'A');
    assert.deepEqual(await snapshotter.mounts('v'), viewed);
    await expectKind(snapshotter.mounts('A'), 'failed-precondition');
    await expectKind(snapshotter.layerTarget('A'), 'failed-precondition');
    await expectKind(snapshotter.layerTarget('v'), 'failed-precondition');
    for (const key of ['missing', 'k']) {
      await expectKind(snapshotter.mounts(key), 'not-found');
      await expectKind(snapshotter.layerTarget(key), 'not-found');
      await expectKind(snapshotter.usage(key), 'not-found');
    }
  });
}
