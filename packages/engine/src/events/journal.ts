import path from 'node:path';

/** Where the events of a state folder lie: `journal` is written now; `journal.N` are full, the larger N the newer. */
export function eventsFolder(state: string): string {
  return path.join(state, 'events');
}

/** Monitors append to it too, by its path. */
export function journalFile(state: string): string {
  return path.join(eventsFolder(state), 'journal');
}

/** A journal that has grown beyond it is put aside. Some 4,000 events. */
export const maxJournalBytes = 1024 * 1024;

/** Full ones that are kept. */
export const keptJournals = 4;
