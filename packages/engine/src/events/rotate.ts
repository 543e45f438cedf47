import { readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { step } from '@slipway/plugin-api';
import { isBusy, tryLockFile } from '../locks/index.js';
import { eventsFolder, journalFile, keptJournals, maxJournalBytes } from './journal.js';

/** Puts a full journal aside, under a lock: whoever finds it held has nothing to do. Who writes next makes the new one. */
export function rotateJournal(state: string): void {
  const lock = tryLockFile(path.join(eventsFolder(state), 'lock'));
  if (isBusy(lock)) return;
  try {
    const size = statSync(journalFile(state), { throwIfNoEntry: false })?.size ?? 0;
    if (size <= maxJournalBytes) return;
    const numbers = fullJournals(state);
    renameSync(journalFile(state), journalName(state, (numbers.at(-1) ?? 0) + 1));
    for (const number of numbers.slice(0, Math.max(0, numbers.length + 1 - keptJournals)))
      rmSync(journalName(state, number), { force: true });
    step('events.rotated', { size });
  } finally {
    lock[Symbol.dispose]();
  }
}

/** Their numbers, oldest first. */
export function fullJournals(state: string): number[] {
  return readdirSync(eventsFolder(state))
    .flatMap((name) => /^journal\.(\d{1,15})$/.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((one, other) => one - other);
}

export function journalName(state: string, number: number): string {
  return `${journalFile(state)}.${number}`;
}
