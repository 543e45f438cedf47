import { SlipwayError } from '@slipway/plugin-api';

const maxPlanBytes = 16 * 1024 * 1024;
const headerBytes = 4;

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

/** The same plan with other limits: of the host's cgroups, which stand behind those, and of the container in the guest. Throws on what is no plan. */
export function planWithLimits(plan: Buffer, writes: readonly PlanStep[], payload: (before: Buffer) => Uint8Array): Buffer {
  const kept = frames(plan).filter(({ verb }) => verb !== 'write');
  const steps = kept.map(({ verb, bytes }) => (verb === 'call' ? withPayload(bytes, payload) : bytes));
  const behind = kept.findLastIndex(({ verb }) => verb === 'cgroup') + 1;
  return Buffer.concat([...steps.slice(0, behind), ...writes.map(encodeStep), ...steps.slice(behind)]);
}

/** Arguments of the steps with this verb. */
export function argumentsIn(plan: Buffer, wanted: 'cgroup' | 'write'): readonly (readonly string[])[] {
  return frames(plan)
    .filter(({ verb }) => verb === wanted)
    .map(({ bytes }) =>
      bytes
        .toString('utf8', headerBytes, bytes.length - 1)
        .split('\0')
        .slice(1),
    );
}

interface PlanFrame {
  readonly verb: string;
  /** With its length. */
  readonly bytes: Buffer;
}

function frames(plan: Buffer): readonly PlanFrame[] {
  const found: PlanFrame[] = [];
  for (let at = 0; at < plan.length; ) {
    const bytes = plan.subarray(at, at + headerBytes + plan.readUInt32LE(at));
    found.push({ verb: bytes.toString('utf8', headerBytes, bytes.indexOf(0, headerBytes)), bytes });
    at += bytes.length;
  }
  return found;
}

/** That of CreateContainer alone. */
function withPayload(bytes: Buffer, payload: (before: Buffer) => Uint8Array): Buffer {
  const [, service = '', method = ''] = bytes.toString('latin1', headerBytes).split('\0', 3);
  if (method !== 'CreateContainer') return bytes;
  const begin = headerBytes + Buffer.byteLength(`call\0${service}\0${method}\0`);
  return encodeStep(['call', service, method, payload(bytes.subarray(begin))]);
}

function encodeStep(step: PlanStep): Buffer {
  const payload = Buffer.concat(step.map((part) => (typeof part === 'string' ? terminated(part) : part)));
  const header = Buffer.alloc(headerBytes);
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
