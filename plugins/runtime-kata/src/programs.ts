import { accessSync, constants, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The shim that is the container's process on the host: the environment's SLIPWAY_KATA_SHIM, else the one packaged beside the compiled code (`bin/`), else the one built in the source tree. Undefined
 * when none is there.
 */
export function findShim(): string | undefined {
  const chosen = process.env['SLIPWAY_KATA_SHIM'];
  const places = ['../bin/slipway-kata-shim', '../../../native/kata-shim/build/slipway-kata-shim'];
  const candidates = chosen === undefined ? places.map((place) => fileURLToPath(new URL(place, import.meta.url))) : [chosen];
  return candidates.find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
