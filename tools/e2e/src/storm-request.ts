import type { CommandRequest } from './request.ts';

/** What the program `storm.ts` is asked to do, as JSON in its first argument. */
export interface StormRequest {
  readonly options: CommandRequest['options'];
  /** Pulled, run and removed at random. */
  readonly images: readonly string[];
  readonly stacks: readonly string[];
  /** Of its containers. */
  readonly id: string;
}

export type StormDeed = 'pull' | 'run' | 'remove' | 'prune';

/** A line of what it prints, in JSON. `refused`: for a reason that there is when several work at once. */
export type StormEvent =
  | { readonly deed: StormDeed; readonly type: 'begun' | 'done' | 'refused' }
  | { readonly deed: StormDeed; readonly type: 'failed'; readonly message: string };
