import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import type { DataFileFault } from './message.ts';

const { ENOSPC, EIO } = constants.errno;
const errors = { ENOSPC, EIO, short: 0 } as const;

/** Says what `data-file.c` does, by the file that it has mapped: four numbers, see there. */
export function armDataFile(path: string, fault: DataFileFault | undefined): void {
  const numbers = Int32Array.of(fault?.nth ?? 0, fault === undefined ? 0 : errors[fault.kind], 0, 0);
  const fd = openSync(path, 'r+');
  writeSync(fd, numbers);
  closeSync(fd);
}

export function readDataFile(path: string): { readonly calls: number; readonly hit: boolean } {
  const numbers = new Int32Array(4);
  const fd = openSync(path, 'r');
  readSync(fd, numbers);
  closeSync(fd);
  const [, , calls = 0, hits = 0] = numbers;
  return { calls, hit: hits > 0 };
}
