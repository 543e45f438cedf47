import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { applyLayer, rebaseLayer, stageLayer } from '@slipway/layers';
import { linux } from '@slipway/linux';
import type { LayerTarget } from '@slipway/plugin-api';
import { expect, test } from 'vitest';
import type { OwnTree } from './own-tree.js';
import { tar } from './tar-builder.js';

// One entry can mean a million names: a thread that is told to stop looks whether it is, at each of them.
const names = 500;

class Target implements Disposable {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-checkpoints-'));

  tree(name: string, format: OwnTree['format'] = 'overlay'): OwnTree {
    const tree: OwnTree = { format, path: path.join(this.folder, name) };
    mkdirSync(tree.path);
    return tree;
  }

  /** With many names in it, and in a directory of it. */
  full(name: string, format: OwnTree['format'] = 'overlay'): OwnTree {
    const tree = this.tree(name, format);
    for (const folder of [tree.path, `${tree.path}/many`]) {
      mkdirSync(folder, { recursive: true });
      for (let index = 0; index < names; index++) writeFileSync(`${folder}/${index}`, '');
    }
    return tree;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Throws in the middle of those that one entry takes. */
function stopping(): { checkpoint: () => void } {
  let calls = 0;
  return {
    checkpoint: () => {
      if (++calls === names / 2) throw new Error('stopped');
    },
  };
}

test.each<[string, Buffer, (target: Target) => LayerTarget]>([
  [
    'an opaque root over many names',
    tar({ name: '.wh..wh..opq' }),
    (target) => ({ ...target.tree('target'), lower: [target.full('lower')] }),
  ],
  [
    'an opaque directory in place',
    tar({ name: 'many/.wh..wh..opq' }),
    (target) => ({ ...target.full('target', 'directory'), lower: [] }),
  ],
  ['a file over a full directory', tar({ name: 'many' }), (target) => ({ ...target.full('target', 'directory'), lower: [] })],
  [
    'the times of the directories of one path',
    tar({ name: 'd', type: '5', pax: { path: 'd/'.repeat(400) } }),
    (target) => ({ ...target.tree('target'), lower: [] }),
  ],
])('%s is stopped on its way', async (_, layer, make) => {
  using target = new Target();
  await expect(applyLayer([layer], make(target), { system: linux, ...stopping() })).rejects.toThrow('stopped');
});

test('an opaque root that is rebased onto many names is stopped on its way', async () => {
  using target = new Target();
  const tree = target.tree('target');
  const notes = await stageLayer([tar({ name: '.wh..wh..opq' })], { ...tree, lower: [] }, { system: linux });
  const lower = [target.full('lower')];
  expect(() => rebaseLayer({ ...tree, lower }, notes, { system: linux, ...stopping() })).toThrow('stopped');
});

test('a large file below is copied, for a hard link to it, in parts', async () => {
  using target = new Target();
  const lower = target.tree('lower');
  writeFileSync(`${lower.path}/large`, Buffer.alloc(130 << 20, 'x'));
  let calls = 0;
  const checkpoint = (): void => void calls++;
  await applyLayer(
    [tar({ name: 'link', type: '1', link: 'large' })],
    { ...target.tree('target'), lower: [lower] },
    { system: linux, checkpoint },
  );
  // One for the entry, one for the time of the root.
  expect(calls).toBeGreaterThan(4);
});
