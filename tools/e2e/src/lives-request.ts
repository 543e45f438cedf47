import type { CommandRequest } from './request.ts';

/** What the program `lives.ts` is asked to do, as JSON in its first argument. */
export interface LivesRequest {
  readonly options: CommandRequest['options'];
  readonly image: string;
  /** Of its containers, which others start, stop and remove, too. */
  readonly names: readonly string[];
}

export const lifeDeeds = ['create', 'run', 'start', 'exec', 'stop', 'kill', 'restart', 'rename', 'rm'] as const;
export type LifeDeed = (typeof lifeDeeds)[number];

/** A line of what it prints, in JSON. `refused`: for a reason that there is when several work at once, and monitors are killed. */
export type LifeEvent =
  | { readonly deed: LifeDeed; readonly type: 'begun' | 'done' | 'refused' }
  | { readonly deed: LifeDeed; readonly type: 'failed'; readonly message: string };

export const oneOf = <T>(choices: readonly T[]): T => choices[Math.floor(Math.random() * choices.length)] as T;

/** Says that it runs, ends with 7 when it is asked to end, and does nothing meanwhile. */
export const idle = ['sh', '-c', 'trap "exit 7" TERM; echo up; sleep 100000 & wait'] as const;

/** Is there long enough to be killed. */
export const shortly = ['sh', '-c', 'sleep 0.1; echo hello'] as const;

/** What two who do something with one container at once are told, and who finds its monitor killed. */
export const expectedCodes: ReadonlySet<string> = new Set([
  'CONTAINER_EXISTS',
  'CONTAINER_NOT_FOUND',
  'CONTAINER_RUNNING',
  'CONTAINER_NOT_RUNNING',
  'CONTAINER_REMOVED_AT_EXIT',
  'MONITOR_LOST',
  // What a monitor has forked, and is about to be the runtime's tool, looks like a monitor.
  'RUNTIME_KILLED',
]);
