import { accessSync, constants } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SlipwayError } from '@slipway/plugin-api';

/**
 * The path of the monitor's program: the one given, else the environment's SLIPWAY_MONITOR, else the one packaged beside
 * the compiled code (`bin/`), else the one built in the source tree. Errors: `failed-precondition` when none is there.
 */
export function findMonitor(given?: string): string {
  const chosen = given ?? process.env['SLIPWAY_MONITOR'];
  const candidates = chosen === undefined ? placesOf('monitor') : [chosen];
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'MONITOR_MISSING',
    message: `container monitor: found no program at ${candidates.map((path) => JSON.stringify(path)).join(' or ')}`,
    hint: 'build it with `make -C native/monitor`, or set SLIPWAY_MONITOR to its path',
    details: { candidates },
  });
}

/** The path of the program that is process 1 of containers with `--init`, found in the same places; undefined when it is not there. */
export function findInit(): string | undefined {
  return placesOf('init').find(isExecutable);
}

function placesOf(name: 'monitor' | 'init'): readonly string[] {
  return [`../bin/slipway-${name}`, `../../../native/${name}/build/slipway-${name}`].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
