import { readFileSync } from 'node:fs';
import { defineTable, type MetadataStore, type WriteTransaction } from '@slipway/plugin-api';
import * as v from 'valibot';

const schema = v.object({ bootId: v.string() });
const systemTable = defineTable('system', (value) => v.parse(schema, value));
const key = 'boot';

/** Of the running kernel; another one after each start of the machine. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** The boot in which this root was last used; undefined for a new one. */
export function lastBoot(metadata: MetadataStore): string | undefined {
  return metadata.read((tx) => tx.get(systemTable, key))?.bootId;
}

export function recordBoot(tx: WriteTransaction, id: string): void {
  tx.put(systemTable, key, { bootId: id });
}
