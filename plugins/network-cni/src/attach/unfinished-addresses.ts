import { readdirSync, rmSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import path from 'node:path';
import { hasCode } from '@slipway/plugin-api';
import { lockPath } from '../locks.js';

/**
 * The plugin host-local makes the file of an address, and then writes into it whose it is: one that is killed in between leaves an address that is taken and nobody's, which
 * no DEL finds. While its lock is held, none is in between.
 */
export async function removeUnfinishedAddresses(folder: string): Promise<void> {
  try {
    using _lock = await lockPath(path.join(folder, 'lock'), 'exclusive', { timeoutMs: 60_000 });
    for (const name of readdirSync(folder)) {
      const file = path.join(folder, name);
      if (isIP(name) !== 0 && statSync(file).size === 0) rmSync(file);
    }
  } catch (error) {
    // No address was ever given out, or the network is being removed.
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
