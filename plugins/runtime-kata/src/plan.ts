import { SlipwayError } from '@slipway/plugin-api';

const maxPlanBytes = 16 * 1024 * 1024;

/** What slipway-kata-shim does, one after the other; its README says what each verb means. */
export type PlanStep =
  | readonly [verb: 'either', tried: string, instead: string, note: string]
  | readonly [verb: 'cgroup', directory: string]
  | readonly [verb: 'write', file: string, text: string]
  | readonly [verb: 'user', uid: string, gid: string, groups: string]
  | readonly [verb: 'file', number: string, path: string, access: 'ro' | 'rw']
  | readonly [verb: 'show', path: string]
  | readonly [verb: 'file-size', bytes: string]
  | readonly [verb: 'tap', number: string, namespace: string, name: string]
  | readonly [verb: 'helper', socket: string, ...argv: string[]]
  | readonly [verb: 'qemu', ...argv: string[]]
  | readonly [verb: 'boot-limit', ms: string]
  | readonly [verb: 'qmp', line: string]
  | readonly [verb: 'getfd', number: string, name: string]
  | readonly [verb: 'rename', from: string, to: string]
  | readonly [verb: 'wait-migration' | 'hello' | 'clock' | 'random']
  | readonly [verb: 'call', service: string, method: string, payload: Uint8Array];

/** The bytes of a `vm.plan`: for each step a little-endian u32 length, then NUL-terminated strings; the payload of a call ends its frame as it is. */
export function encodePlan(steps: readonly PlanStep[]): Buffer {
  const plan = Buffer.concat(steps.map(encodeStep));
  if (plan.length <= maxPlanBytes) return plan;
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'MACHINE_PLAN_TOO_BIG',
    message: `what is to be done for the machine takes ${plan.length} bytes, at most ${maxPlanBytes} are possible`,
    hint: 'bind fewer or smaller files into the container',
  });
}

function encodeStep(step: PlanStep): Buffer {
  const payload = Buffer.concat(step.map((part) => (typeof part === 'string' ? terminated(part) : part)));
  const header = Buffer.alloc(4);
  header.writeUInt32LE(payload.length);
  return Buffer.concat([header, payload]);
}

function terminated(text: string): Buffer {
  if (!text.includes('\0')) return Buffer.from(`${text}\0`);
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'MACHINE_PLAN_INVALID',
    message: `what is to be done for the machine: ${JSON.stringify(text.slice(0, 80))} holds a NUL`,
  });
}
