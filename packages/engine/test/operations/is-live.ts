import { closeSync, existsSync, openSync } from 'node:fs';
import path from 'node:path';
import { linux } from '@slipway/linux';

/** True while a process holds the operation. */
export function isLive(state: string, operation: string): boolean {
  const file = path.join(state, 'ops', operation);
  if (!existsSync(file)) return false;
  const fd = openSync(file, 'r');
  try {
    return !linux.tryFlock(fd, 'shared');
  } finally {
    closeSync(fd);
  }
}
