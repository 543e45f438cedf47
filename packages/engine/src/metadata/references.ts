import { defineTable, type ReadTransaction, type WriteTransaction } from '@slipway/plugin-api';
import * as v from 'valibot';

const referencesSchema = v.object({
  content: v.array(v.string()),
  snapshots: v.array(v.object({ snapshotter: v.string(), name: v.string() })),
});

/** What some write refers to that was perhaps not referred to before it. */
export interface References {
  readonly content?: readonly string[];
  readonly snapshots?: readonly { readonly snapshotter: string; readonly name: string }[];
}

const counterTable = defineTable<number>('references', (value) => v.parse(v.number(), value));
const counterKey = 'last';

/** By generation. The last {@link kept} of them. */
const journalTable = defineTable('reference-journal', (value) => v.parse(referencesSchema, value));

/** Many more than the writes of other processes between two looks of a sweep; few enough to cost nothing. */
const kept = 256;

/**
 * Every write that makes something needed says so here, in its own transaction: a sweep that has marked everything outside
 * of a write transaction learns inside of one what has come to be needed since, and need not mark everything again while
 * all other processes wait.
 */
export function noteReferences(tx: WriteTransaction, { content = [], snapshots = [] }: References): void {
  const next = referenceGeneration(tx) + 1;
  tx.put(counterTable, counterKey, next);
  tx.put(journalTable, journalKey(next), { content: [...content], snapshots: [...snapshots] });
  tx.delete(journalTable, journalKey(next - kept));
}

/** Grows with each {@link noteReferences}. */
export function referenceGeneration(tx: ReadTransaction): number {
  return tx.get(counterTable, counterKey) ?? 0;
}

/** What was noted after that generation; undefined when it is too long ago to tell. */
export function referencesSince(tx: ReadTransaction, generation: number): Required<References>[] | undefined {
  const last = referenceGeneration(tx);
  if (last - generation > kept) return undefined;
  const since: Required<References>[] = [];
  for (let one = generation + 1; one <= last; one++) {
    const noted = tx.get(journalTable, journalKey(one));
    if (noted === undefined) return undefined;
    since.push(noted);
  }
  return since;
}

function journalKey(generation: number): string {
  return String(generation);
}
