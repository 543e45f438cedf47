import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { withResources } from '@slipway/kata-agent';
import type { PreparedUpdate } from '@slipway/oci-runtime';
import { type RuntimeResources, SlipwayError, wrapError } from '@slipway/plugin-api';
import type { KataConfig } from './config.js';
import { updateRequest } from './guest-calls.js';
import { guestResources, mergedResources } from './guest-resources.js';
import { hostLimitSteps } from './host-cgroup.js';
import { readMachineRecord, writeMachineRecord } from './machine-record.js';
import { argumentsIn, type PlanStep, planWithLimits } from './plan.js';
import { checkUpdate } from './sizing.js';

/**
 * New limits of a container that runs: what its guest is to be asked for is written to `request`, what is kept on the host is set, and the plan by which the next start makes the machine has them
 * when they are kept. Errors: `failed-precondition` for more than the machine has, `unimplemented` for what cannot be changed; then nothing is.
 */
export function prepareMachineUpdate(
  id: string,
  directory: string,
  request: string,
  resources: RuntimeResources,
  config: KataConfig,
): PreparedUpdate {
  const record = readMachineRecord(directory);
  if (record === undefined) throw unfinished(id);
  const file = path.join(directory, 'vm.plan');
  const plan = readFileSync(file);
  const wanted = mergedResources(record.resources, resources);
  checkUpdate(id, wanted, record, config);
  const inGuest = guestResources(id, wanted);
  const limits = { id, size: record, overheadMiB: config.vmm_overhead, resources: wanted };
  const before = argumentsIn(plan, 'write').map(([name = '', text = '']) => [name, text] as const);
  const places = argumentsIn(plan, 'cgroup').map(([place = '']) => place);
  const writes = hostLimitSteps(
    places,
    limits,
    before.map(([name]) => name),
  );
  const changed = planWithLimits(plan, writes, (payload) => withResources(payload, inGuest));
  writeFileSync(request, updateRequest(id, guestResources(id, resources)), { mode: 0o600 });
  const fresh = `${file}.new`;
  writeFileSync(fresh, changed, { mode: 0o600 });
  const forget = () => rmSync(fresh, { force: true });
  try {
    const restore = writeLimits(id, writes, new Map(before));
    return {
      keep: () => {
        renameSync(fresh, file);
        writeMachineRecord(directory, { ...record, resources: wanted });
      },
      undo: () => {
        forget();
        restore();
      },
    };
  } catch (error) {
    forget();
    throw error;
  }
}

/** Those that are not as they were planned. Answers with what takes them back. */
function writeLimits(id: string, writes: readonly PlanStep[], planned: ReadonlyMap<string, string>): () => void {
  const changed = writes
    .map(([, file, text]) => ({ file: String(file), text: String(text) }))
    .filter(({ file, text }) => planned.get(file) !== text);
  const done: { readonly file: string; readonly text: string }[] = [];
  const restore = () => {
    for (const { file, text } of done.reverse()) writeFileSync(file, text, { flag: 'r+' });
  };
  for (const { file, text } of changed) {
    try {
      const was = readFileSync(file, 'utf8').trim();
      writeFileSync(file, text, { flag: 'r+' });
      done.push({ file, text: was });
    } catch (error) {
      restore();
      throw wrapError(`limit ${JSON.stringify(text)} of container "${id}" in ${JSON.stringify(file)}`, error);
    }
  }
  return restore;
}

function unfinished(id: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTAINER_STATE',
    message: `container "${id}": its machine was never made, and has no limits to change`,
    hint: 'delete the container, and make it again',
    details: { id },
  });
}
