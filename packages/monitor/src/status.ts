import type { ProcessIdentity, StatusRecord } from '@slipway/plugin-api';

/** What the monitor wrote last; undefined when it has written nothing. Errors: `data-loss` for a file that is none of its making. */
export function readStatus(_directory: string): StatusRecord | undefined {
  throw new Error('UNFINISHED');
}

/** Whether the very process lives: in this boot, with this start time. */
export function isAlive(_process: ProcessIdentity, _bootId: string): boolean {
  throw new Error('UNFINISHED');
}
