import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { OpenEngineOptions } from 'slipway';

const points = {
  'metadata.v1': 'lmdb',
  'content.v1': 'local',
  'resolver.v1': 'registry',
  'differ.v1': 'tar',
  'snapshotter.v1': 'overlay',
  'runtime.v1': 'runc',
  'network.v1': 'cni',
};

/** Small plugins for every point of the stack, in folders of their own: what is tested here is how they are put together. */
export class Place implements Disposable {
  readonly dir = fs.mkdtempSync(path.join(os.tmpdir(), 'slipway-root-'));
  readonly journal: string[] = [];

  constructor() {
    (globalThis as { slipwayJournal?: string[] }).slipwayJournal = this.journal;
    for (const [provides, id] of Object.entries(points)) this.#plugin(provides, id);
  }

  /** Options that use these plugins and no file of this host. */
  options(more: { toml?: string } = {}): OpenEngineOptions {
    const file = path.join(this.dir, 'config.toml');
    const names = Object.values(points).map((id) => `"./${id}"`);
    fs.writeFileSync(
      file,
      `stack.snapshotter = "overlay"\nplugins.standard = []\nplugins.search = [${names.join(', ')}]\n${more.toml ?? ''}`,
    );
    return { config: file, root: path.join(this.dir, 'root'), state: path.join(this.dir, 'state') };
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.dir, { recursive: true });
  }

  #plugin(provides: string, id: string): void {
    const folder = path.join(this.dir, id);
    fs.mkdirSync(folder);
    const slipway = { plugin: './plugin.js', provides, id, api: '1.0' };
    fs.writeFileSync(
      path.join(folder, 'package.json'),
      JSON.stringify({ name: `@test/${id}`, version: '1.0.0', type: 'module', slipway }),
    );
    fs.writeFileSync(
      path.join(folder, 'plugin.js'),
      `export const plugin = { provides: { id: '${provides}' }, id: '${id}', api: '1.0',
        activate({ own }) {
          const journal = globalThis.slipwayJournal;
          journal.push('up ${id}');
          own({ [Symbol.dispose]() { journal.push('down ${id}'); } });
          const transaction = { entries: () => [], keys: () => [], get: () => undefined, put() {}, delete: () => false };
          return { instance: { read: (fn) => fn(transaction), write: async (fn) => fn(transaction), async *walk() {} } };
        } };`,
    );
  }
}
