import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { SlipwayError } from '@slipway/plugin-api';

/**
 * The path of the agent's program, process 1 of the guest: the one given, else the environment's SLIPWAY_AGENT, else the one packaged beside the compiled code
 * (`bin/`), else the one built in the source tree. Errors: `failed-precondition` with `AGENT_MISSING`.
 */
export function findAgent(given?: string | undefined): string {
  const chosen = given ?? process.env['SLIPWAY_AGENT'];
  const places = ['../bin/slipway-agent', '../../../native/agent/build/slipway-agent'];
  const candidates = chosen === undefined ? places.map((place) => fileURLToPath(new URL(place, import.meta.url))) : [chosen];
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  throw missing(
    'AGENT_MISSING',
    'agent of virtual machines',
    candidates,
    'build it with `make -C native/agent`, or set SLIPWAY_AGENT to its path',
  );
}

/** The path of crun, which runs the containers inside: the one given, else that of PATH. Errors: `failed-precondition` with `GUEST_RUNTIME_MISSING`. */
export function findCrun(given?: string | undefined): string {
  const folders = (process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin').split(':').filter((folder) => path.isAbsolute(folder));
  const candidates = given === undefined ? folders.map((folder) => path.join(folder, 'crun')) : [given];
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  throw missing('GUEST_RUNTIME_MISSING', 'runtime inside of virtual machines (crun)', candidates, 'apt-get install crun');
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function missing(code: string, what: string, candidates: readonly string[], hint: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code,
    message: `${what}: found no program at ${candidates.map((file) => JSON.stringify(file)).join(' or ')}`,
    hint,
    details: { candidates },
  });
}
