import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type ContentStore,
  type LazyInstances,
  type MetadataStore,
  type Runtime,
  SlipwayError,
  type Snapshotter,
} from '@slipway/plugin-api';
import { memoryMetadata } from '@slipway/plugin-testkit';

export interface FakeParts extends Disposable {
  readonly settings: {
    readonly root: string;
    readonly state: string;
    readonly stacks: Record<string, never>;
    readonly defaultStack: string;
    readonly pull: { readonly discardUnpackedLayers: boolean };
    readonly defaultNetwork: string;
  };
  readonly metadata: MetadataStore;
  /** What was released, in order. */
  readonly released: string[];
  /** Names of releases that fail. */
  readonly failing: Set<string>;
}

/** Parts of an engine whose plugins only note what they are asked to release. Metadata and files are real. */
export function fakeParts(): FakeParts &
  Record<
    'store' | 'content' | 'snapshotters' | 'runtimes' | 'resolvers' | 'differs' | 'policies' | 'volumes' | 'networks' | 'log',
    never
  > {
  const root = mkdtempSync(path.join(tmpdir(), 'slipway-engine-'));
  const released: string[] = [];
  const failing = new Set<string>();
  const note = async (what: string): Promise<void> => {
    if (failing.has(what)) throw new SlipwayError({ kind: 'internal', code: 'FAKE', message: `${what} fails` });
    released.push(what);
  };
  const lazily = <T>(make: (id: string) => T): LazyInstances<T> => ({
    ids: ['fake'],
    declares: () => ({}),
    get: async (id) => make(id),
  });
  const parts = {
    settings: {
      root,
      state: path.join(root, 'state'),
      stacks: {},
      defaultStack: 'default',
      pull: { discardUnpackedLayers: false },
      defaultNetwork: 'bridge',
    },
    metadata: memoryMetadata(),
    store: { abort: (ref: string) => note(`ingest ${ref}`) } as unknown as ContentStore,
    content: { abort: (ref: string) => note(`ingest ${ref}`) } as unknown as ContentStore,
    snapshotters: lazily((id) => ({ remove: (key: string) => note(`snapshot ${id} ${key}`) }) as unknown as Snapshotter),
    runtimes: lazily((id) => ({ delete: (name: string) => note(`container ${id} ${name}`) }) as unknown as Runtime),
    resolvers: lazily(() => ({})),
    differs: lazily(() => ({})),
    volumes: lazily((id) => ({ unmount: (name: string, user: string) => note(`volume ${id} ${name} of ${user}`) })),
    networks: lazily(() => ({})),
    policies: { ids: [], declares: () => undefined, get: () => Promise.reject(new Error('no policy')) },
    log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    released,
    failing,
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
  return parts as never;
}
