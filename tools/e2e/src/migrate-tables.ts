import { defineTable, type MetadataStore, metadataPoint, type WriteTransaction } from '@slipway/plugin-api';
import { openHost } from 'slipway';
import type { CommandRequest } from './request.ts';

// Opens the store of its first argument as a program would whose tables are much newer: the last migration counts a row up.
interface Tables {
  requireTables(metadata: MetadataStore, steps: readonly ((tx: WriteTransaction) => void)[]): Promise<void>;
}
// No part of the engine's surface: only a version that has a migration would use it.
const tables = new URL('metadata/tables-version.js', import.meta.resolve('@slipway/engine'));
const { requireTables } = (await import(tables.href)) as Tables;

const counts = defineTable('migrations', Number);
await using host = await openHost(JSON.parse(process.argv[2] ?? '') as CommandRequest['options']);
const metadata = await host.kernel.get(metadataPoint);
const count = (tx: WriteTransaction): void => tx.put(counts, 'count', (tx.get(counts, 'count') ?? 0) + 1);
// More than any version of the engine has: this one's tables are older, whatever migrations it has by now.
const others = Array.from({ length: 1000 }, () => () => {});
await requireTables(metadata, [...others, count]);
process.stdout.write(String(metadata.read((tx) => tx.get(counts, 'count'))));
