import { readdirSync, rmSync } from 'node:fs';
import { SlipwayError, type Snapshotter } from '@slipway/plugin-api';
import { type OpenSnapshotter, type SnapshotterLawOptions, snapshotterLaws } from '@slipway/plugin-testkit';
import { describe, expect, it } from 'vitest';
import { CollectingRunner } from './collecting-runner.ts';
import { openSubject as openForgetful } from './forgetful-subject.ts';
import { copies, opener, openSubject } from './sound-subject.ts';

const optionsOf = (file: string): SnapshotterLawOptions => ({
  module: new URL(file, import.meta.url).href,
  steps: ['snapshot.prepare.directory', 'snapshot.prepare.recorded', 'snapshot.remove.deleted', 'snapshot.cleanup.deleted'],
  preparing: 'snapshot.prepare.directory',
});

/** The laws on a sound snapshotter with one thing broken. */
function broken(change: (sound: Snapshotter) => Partial<Snapshotter>): OpenSnapshotter {
  return async (root) => {
    const subject = await openSubject(root);
    // The sound methods are called on the sound object, whose fields are private.
    const sound = new Proxy(subject.instance, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const changed = change(sound);
    return {
      ...subject,
      instance: new Proxy(sound, { get: (target, name) => Reflect.get(name in changed ? changed : target, name) }),
    };
  };
}

const faults: readonly (readonly [fault: string, law: string, open: OpenSnapshotter])[] = [
  [
    'commit leaves the key',
    'commit consumes the key',
    broken((sound) => ({
      commit: async (name, key) => {
        await sound.commit(name, key);
        await sound.prepare(key, name);
      },
    })),
  ],
  [
    'an active snapshot is a parent',
    'a parent must be there',
    broken((sound) => ({ prepare: (key, parent) => sound.prepare(key, parent && undefined) })),
  ],
  [
    'a taken key is taken again',
    'a taken key or name',
    broken((sound) => ({
      prepare: async (key, parent) => {
        await sound.remove(key).catch(() => undefined);
        return await sound.prepare(key, parent);
      },
    })),
  ],
  [
    'a view is committed',
    'only an active snapshot',
    broken((sound) => ({
      commit: async (name, key) => {
        if ((await sound.stat(key)).kind === 'view') return;
        await sound.commit(name, key);
      },
    })),
  ],
  [
    'remove says nothing of children',
    'what has children stays',
    broken((sound) => ({ remove: (key) => sound.remove(key).catch(() => undefined) })),
  ],
  [
    'update adds labels',
    'update replaces the labels',
    broken((sound) => ({
      update: async (key, labels) => await sound.update(key, { ...(await sound.stat(key)).labels, ...labels }),
    })),
  ],
  [
    'walk has no order',
    'walk shows all in key order',
    broken((sound) => ({
      walk: async function* () {
        const infos = await Array.fromAsync(sound.walk());
        yield* infos.reverse();
      },
    })),
  ],
  ['the parent is not shown', 'a change is seen', opener({ ...copies, async fill() {} })],
  [
    'a view is writable',
    'a view cannot be changed',
    opener({
      ...copies,
      mounts: ({ tree, parents: [parent] }) => [{ kind: 'bind', source: parent ?? tree, readOnly: false }],
    }),
  ],
  [
    'snapshots share a tree',
    'a change is seen',
    opener({
      ...copies,
      mounts: ({ tree, parents: [parent] }) => [{ kind: 'bind', source: parent ?? tree, readOnly: false }],
    }),
  ],
  [
    'attributes of the root are lost',
    'a root directory is 0755',
    opener({
      ...copies,
      async fill({ tree, parents: [parent] }, jobs) {
        if (parent === undefined) return;
        await jobs.copy(parent, tree);
        const { chmodSync } = await import('node:fs');
        chmodSync(tree, 0o755);
      },
    }),
  ],
  [
    'trees are without those below',
    'the trees of a committed snapshot',
    broken((sound) => ({ trees: async (key) => (await sound.trees(key)).slice(1) })),
  ],
  [
    'a commit with a parent forgets it',
    'without the capability a commit with a parent',
    broken((sound) => ({ commit: (name, key) => sound.commit(name, key) })),
  ],
  [
    'a view of nothing is not read-only',
    'a view cannot be changed',
    opener({
      ...copies,
      mounts: ({ kind, tree, parents: [parent] }) => [
        kind === 'view' && parent !== undefined
          ? { kind: 'bind', source: parent, readOnly: true }
          : { kind: 'bind', source: tree, readOnly: false },
      ],
    }),
  ],
  [
    'a missing snapshot is invalid-argument',
    'mounts and layer targets',
    broken((sound) => ({
      usage: (key) =>
        sound.usage(key).catch(() => {
          throw new SlipwayError({ kind: 'invalid-argument', code: 'X', message: 'x' });
        }),
    })),
  ],
  [
    'names that read as whiteouts are dropped',
    'names that read as whiteouts',
    broken((sound) => ({
      commit: async (name, key) => {
        const { path } = await sound.layerTarget(key);
        for (const file of readdirSync(path)) if (file.startsWith('.wh.')) rmSync(`${path}/${file}`);
        await sound.commit(name, key);
      },
    })),
  ],
  [
    'dispose does nothing',
    'after dispose every call is refused',
    async (root) => ({ ...(await openSubject(root)), [Symbol.asyncDispose]: async () => undefined }),
  ],
  ['usage is a guess', 'usage counts', broken(() => ({ usage: async () => ({ bytes: 4096, inodes: 1 }) }))],
  [
    'a removed snapshot stays on disk',
    'of many that prepare one key',
    broken((sound) => ({ remove: async () => void (await sound.stat('k')) })),
  ],
];

describe('the law suite of snapshotters fails', () => {
  for (const [fault, law, open] of faults) {
    it(`when ${fault}`, async () => {
      const runner = new CollectingRunner();
      await snapshotterLaws(runner, open, optionsOf('./sound-subject.ts'));
      expect(await runner.outcomeOf(law)).toMatchObject({ code: 'ERR_ASSERTION' });
    });
  }

  it('when cleanup takes what another process is making', async () => {
    const runner = new CollectingRunner();
    await snapshotterLaws(runner, openForgetful, optionsOf('./forgetful-subject.ts'));
    expect(await runner.outcomeOf('cleanup leaves alone')).toMatchObject({ code: 'ERR_ASSERTION' });
  });

  it('when a step that it names is never announced', async () => {
    const runner = new CollectingRunner();
    const silent = broken((sound) => ({ remove: (key) => sound.remove(key) }));
    await snapshotterLaws(runner, silent, optionsOf('./silent-subject.ts'));
    expect(await runner.outcomeOf('snapshot.remove.deleted')).toMatchObject({ message: expect.stringContaining('not reached') });
  });
});
