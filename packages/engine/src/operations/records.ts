import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { hasCode } from '@slipway/plugin-api';

/** Where the records of operations lie. */
export function operationsFolder(state: string): string {
  return path.join(state, 'ops');
}

/** Records of live operations and of killed ones alike. */
export function recordNames(state: string): string[] {
  try {
    return readdirSync(operationsFolder(state));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

export function hasRecords(state: string): boolean {
  return recordNames(state).length > 0;
}

/** Whether an operation of that name is live, or was killed and is not cleaned up. */
export function isRecorded(state: string, name: string): boolean {
  return existsSync(path.join(operationsFolder(state), name));
}
