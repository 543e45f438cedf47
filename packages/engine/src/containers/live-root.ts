import { closeSync, constants, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { O_PATH } from '@slipway/linux';
import { hasCode, type Runtime, SlipwayError } from '@slipway/plugin-api';
import type { FoundContainer } from './find.js';
import { isInMachine, rootInMachine } from './in-machine.js';
import { stateIfThere } from './runtime-of.js';

/**
 * A container that restarts meets the look-up between two of its first processes, and one that is ended has no root for as long as its other processes need to end: until
 * they have, its first one lives on. After this it is no chance.
 */
const limitMs = 2_000;
const pauseMs = 2;

/**
 * A descriptor of the root that the first process of a running container sees, volumes and mounts included, for as long as the container has it. Undefined when it
 * does not run. Paths below must be resolved with `openInRoot`. Close it. Errors: CONTAINER_ROOT_IN_MACHINE: the process that stands for it has the host's own root; CONTAINER_CHANGED.
 */
export async function openLiveRoot(runtime: Runtime, container: FoundContainer): Promise<number | undefined> {
  const { id } = container;
  for (const deadline = Date.now() + limitMs; Date.now() < deadline; await sleep(pauseMs)) {
    const pid = await livePid(runtime, container);
    if (pid === undefined) return undefined;
    const root = openRootOf(pid);
    if (root === undefined) continue;
    // The same first process before and after: so the number was its own all the time, and not another process'.
    if ((await livePid(runtime, container)) === pid) return root;
    closeSync(root);
  }
  throw new SlipwayError({
    kind: 'aborted',
    code: 'CONTAINER_CHANGED',
    message: `container ${JSON.stringify(id)} is ending, or ends and starts again, while its files are looked for`,
    hint: 'try again when it runs, or stop it',
    details: { id },
  });
}

async function livePid(runtime: Runtime, container: FoundContainer): Promise<number | undefined> {
  const state = await stateIfThere(runtime, container.id);
  if (state !== undefined && isInMachine(state)) throw rootInMachine(container);
  return state?.status === 'running' || state?.status === 'paused' || state?.status === 'created' ? state.pid : undefined;
}

function openRootOf(pid: number): number | undefined {
  try {
    return openSync(`/proc/${pid}/root/.`, O_PATH | constants.O_DIRECTORY);
  } catch (error) {
    // ESRCH, ENOENT: it has ended; EACCES: it is about to.
    if (hasCode(error, 'ENOENT', 'ESRCH', 'EACCES')) return undefined;
    throw error;
  }
}
