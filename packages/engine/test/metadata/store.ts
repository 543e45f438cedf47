import { rmSync } from 'node:fs';
import type { ContentStore, MetadataStore, SnapshotInfo, Snapshotter } from '@slipway/plugin-api';
import { memoryContent, memoryMetadata } from '@slipway/plugin-testkit';
import { contentTable } from '../../dist/metadata/content.js';
import { imagesTable } from '../../dist/metadata/images.js';
import { rowKey } from '../../dist/metadata/rows.js';
import { fakeParts } from '../parts.ts';

const at = '2026-01-01T00:00:00.000Z';

/** Real content and metadata in memory, and a snapshotter that keeps books alone. */
export interface TestStore extends Disposable {
  readonly parts: ReturnType<typeof fakeParts>;
  readonly metadata: MetadataStore;
  readonly content: ContentStore;
  readonly snapshots: Map<string, SnapshotInfo>;
  /** A blob with a row. */
  add(text: string, labels?: Readonly<Record<string, string>>): Promise<string>;
  /** A blob that only the store knows. */
  addFile(text: string): Promise<string>;
  name(name: string, digest: string): Promise<void>;
  addSnapshot(name: string, parent?: string): void;
  /** Digests with a row, and those with a file. */
  kept(): Promise<{ readonly rows: readonly string[]; readonly files: readonly string[] }>;
}

export function testStore(): TestStore {
  const [metadata, content] = [memoryMetadata(), memoryContent()];
  const snapshots = new Map<string, SnapshotInfo>();
  const fake = fakeParts();
  const snapshotters = { ids: ['fake'], declares: () => ({}), get: async () => booksOf(snapshots) };
  const parts = { ...fake, metadata, store: content, snapshotters } as unknown as ReturnType<typeof fakeParts>;
  const addFile = async (text: string): Promise<string> => {
    await using writer = await content.writer({ ref: text });
    await writer.write(Buffer.from(text));
    return (await writer.commit()).digest;
  };
  return {
    parts,
    metadata,
    content,
    snapshots,
    addFile,
    async add(text, labels = {}) {
      const digest = await addFile(text);
      await metadata.write((tx) => tx.put(contentTable, rowKey(digest), { size: text.length, createdAt: at, labels }));
      return digest;
    },
    name: (name, digest) =>
      metadata.write((tx) => {
        const target = { mediaType: 'm', digest, size: 1 } as const;
        tx.put(imagesTable, rowKey(name), { target, createdAt: at, updatedAt: at });
      }),
    addSnapshot(name, parent) {
      const info: SnapshotInfo = { kind: 'committed', name, labels: {}, createdAt: at, updatedAt: at };
      snapshots.set(name, parent === undefined ? info : { ...info, parent });
    },
    async kept() {
      const rows = metadata.read((tx) => [...tx.entries(contentTable)].map(([key]) => key.slice('default/'.length)));
      const files: string[] = [];
      for await (const { digest } of content.walk()) files.push(digest);
      return { rows, files };
    },
    [Symbol.dispose]: () => {
      fake[Symbol.dispose]();
      rmSync(fake.settings.root, { recursive: true, force: true });
    },
  };
}

function booksOf(snapshots: Map<string, SnapshotInfo>): Snapshotter {
  return {
    async *walk() {
      yield* [...snapshots.values()];
    },
    async remove(name: string) {
      snapshots.delete(name);
    },
    usage: async () => ({ bytes: 7, inodes: 1 }),
    cleanup: async () => {},
  } as unknown as Snapshotter;
}
