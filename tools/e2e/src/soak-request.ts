import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandRequest } from './request.ts';

/** What the program `soak.ts` is asked to do, as JSON in its first argument. */
export interface SoakRequest {
  readonly options: CommandRequest['options'];
  readonly image: string;
  /** Containers that are run to their end and removed. */
  readonly runs: number;
  /** Containers that run all at the same time, and are then stopped. */
  readonly detached: number;
  readonly atOnce: number;
}

export type SoakPhase = 'run' | 'detached' | 'exec' | 'stopped';

/** A line of what it prints, in JSON: what it holds when so many were done. */
export interface SoakMeasure {
  readonly phase: SoakPhase;
  readonly count: number;
  readonly seconds: number;
  /** Of JavaScript and what it keeps outside of its heap, after a collection. */
  readonly bytes: number;
  readonly rssBytes: number;
  readonly threads: number;
  /** What each is of: inodes without their numbers. */
  readonly descriptors: readonly string[];
}

export async function measureSelf(): Promise<Omit<SoakMeasure, 'phase' | 'count'>> {
  // What the last one has closed is closed by then; what only it has kept is garbage.
  for (let round = 0; round < 2; round++) {
    await sleep(100);
    globalThis.gc?.();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return {
    seconds: Math.round(performance.now() / 100) / 10,
    bytes: heapUsed + external,
    rssBytes: rss,
    threads: readdirSync('/proc/self/task').length,
    descriptors: readdirSync('/proc/self/fd').flatMap(target).toSorted(),
  };
}

/** The folder's own is gone when its name is read. */
function target(fd: string): string[] {
  try {
    return [readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, 'N')];
  } catch {
    return [];
  }
}
