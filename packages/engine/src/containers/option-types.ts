import {
  type ContainerFilters,
  type CreateNetworkOptions,
  type ExecOptions,
  type ListContainersOptions,
  type PruneNetworksOptions,
  type RunOptions,
  SlipwayError,
} from '@slipway/plugin-api';
import * as v from 'valibot';
import { nearNames } from '../bundle/near-names.js';

const text = v.string();
const texts = v.array(text);
const count = v.number();
const yes = v.boolean();
const call = v.function();
const some = v.looseObject({});
const signal = v.instance(AbortSignal);
const stdio = v.picklist(['pipe', 'inherit', 'ignore']);
const place = v.picklist(['private', 'host']);
const terminal = v.object({ columns: count, rows: count });
const pairs = v.custom(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((one) => typeof one === 'string'),
  'names with texts',
);
const paths = v.lazy((value) => (value === false ? yes : texts));

type Fields = Readonly<Record<string, v.GenericSchema>>;

/** What may be left out may also be said to be undefined. */
function optional<T extends Fields>(fields: T): { readonly [K in keyof T]: v.GenericSchema } {
  return Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name, v.optional(schema)])) as never;
}

/** A mistyped name is refused here: nobody would notice that a limit is not there. */
const all = (fields: Fields): v.GenericSchema => v.strictObject(optional(fields));

const limits = all({
  ...{ memory: count, memoryReservation: count, memorySwap: count, memorySwappiness: count, oomKillDisable: yes },
  ...{ cpus: count, cpuShares: count, cpuPeriod: count, cpuQuota: count, cpuset: text, cpusetMems: text, pids: count },
  ...{ ioWeight: count, ioDevices: v.array(v.looseObject({ path: text })) },
});
const restart = all({ name: text, maximumRetries: count });
const probe = all({
  ...{ command: texts, intervalMs: count, timeoutMs: count, startPeriodMs: count, startIntervalMs: count, retries: count },
});

const networkChoice = v.strictObject({ network: text, ...optional({ addresses: texts, mac: text, aliases: texts }) });
const port = v.strictObject({ containerPort: count, ...optional({ hostPort: count, hostAddress: text, protocol: text }) });
const egressRule = v.strictObject({ host: text, ...optional({ port: count, protocol: text }) });

/** What is in mounts, hooks and profiles is checked by those who read them. */
const runFields = {
  image: text,
  ...optional({ name: text, stack: text, pull: v.picklist(['missing', 'always', 'never']), platform: some }),
  ...optional({ signal, onProgress: call, onCreated: call, stdin: stdio, stdout: stdio, stderr: stdio }),
  ...optional({ detach: yes, removeAtExit: yes, dieWithParent: yes, terminal, openStdin: yes }),
  ...optional({ args: texts, entrypoint: texts, env: texts, workdir: text, user: text, groups: texts, init: yes }),
  ...optional({ hostname: text, domainname: text, labels: pairs, annotations: pairs, sysctls: pairs }),
  ...optional({ network: v.lazy((value) => (Array.isArray(value) ? v.array(networkChoice) : text)) }),
  ...optional({ ports: v.array(port), publishAll: yes, dns: all({ servers: texts, search: texts, options: texts }) }),
  ...optional({ extraHosts: v.array(v.strictObject({ name: text, address: text })) }),
  ...optional({ egress: v.lazy((value) => (typeof value === 'string' ? text : v.strictObject({ allow: v.array(egressRule) }))) }),
  ...optional({ namespaces: all({ pid: text, ipc: text, uts: place, cgroup: place }) }),
  ...optional({ readOnly: yes, mounts: v.array(some), shmSize: count, deviceRules: texts }),
  ...optional({ devices: v.array(all({ source: text, target: text, permissions: text })) }),
  ...optional({ capAdd: texts, capDrop: texts, privileged: yes, noNewPrivileges: yes, mask: texts, unmask: texts }),
  ...optional({ seccomp: v.lazy((value) => (typeof value === 'string' ? text : some)), hooks: some }),
  ...optional({ maskedPaths: paths, readonlyPaths: paths, oomScoreAdj: count }),
  ...optional({ rlimits: v.array(all({ name: text, soft: count, hard: count })), limits, cgroupParent: text }),
  ...optional({ stopSignal: v.lazy((value) => (typeof value === 'number' ? count : text)), stopTimeoutMs: count, restart }),
  ...optional({ health: v.lazy((value) => (value === false ? yes : probe)) }),
  ...optional({ log: all({ driver: text, maxSize: count, maxFiles: count }) }),
} satisfies Record<keyof RunOptions, v.GenericSchema>;

const execFields = {
  args: texts,
  ...optional({ env: texts, workdir: text, user: text, terminal, privileged: yes, detach: yes, signal }),
  ...optional({ stdin: stdio, stdout: stdio, stderr: stdio }),
} satisfies Record<keyof ExecOptions, v.GenericSchema>;

const filters = {
  ...{ id: texts, name: texts, label: texts, status: texts, exited: v.array(count), ancestor: texts },
  ...{ volume: texts, health: texts, before: text, since: text },
} satisfies Record<keyof ContainerFilters, v.GenericSchema>;

const schemas = {
  run: v.strictObject(runFields),
  exec: v.strictObject(execFields),
  update: all({ limits, restart }),
  resize: terminal,
  list: all({ all: yes, filters: all(filters) } satisfies Record<keyof ListContainersOptions, v.GenericSchema>),
  connect: all({ addresses: texts, mac: text, aliases: texts, signal }),
  forward: all({ hostAddress: text, hostPort: count, address: text, signal }),
  createNetwork: all({
    ...{ driver: text, subnets: v.array(v.strictObject({ subnet: text, ...optional({ gateway: text, range: text }) })) },
    ...{ ipv6: yes, internal: yes, mtu: count, labels: pairs, options: pairs },
  } satisfies Record<keyof CreateNetworkOptions, v.GenericSchema>),
  listNetworks: all({ filters: all({ name: texts, driver: texts, label: texts, dangling: yes }) }),
  pruneNetworks: all({ labels: texts, dryRun: yes, signal } satisfies Record<keyof PruneNetworksOptions, v.GenericSchema>),
};

/**
 * For programs without types, whose mistakes would be kept with the container, or be told of where nobody understands them. Values may be secrets and are
 * not told. Errors: `invalid-argument`.
 */
export function checkTypes(what: keyof typeof schemas, options: unknown): void {
  const [issue] = v.safeParse(schemas[what], options, { abortEarly: true }).issues ?? [];
  if (issue === undefined) return;
  const option = v.getDotPath(issue) ?? 'options';
  const expected = issue.type === 'custom' ? issue.message : (issue.expected ?? '').replaceAll('"', '');
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'CONTAINER_OPTION_INVALID',
    message:
      expected === 'never' ? `${option}: there is no such option` : `${option} is ${typeName(issue.input)}, expected ${expected}`,
    hint: expected === 'never' ? nearHint(what, option) : undefined,
    details: { option },
  });
}

/** Of options at the top alone: those below are few. */
function nearHint(what: keyof typeof schemas, option: string): string | undefined {
  const known = what === 'run' ? Object.keys(runFields) : what === 'exec' ? Object.keys(execFields) : [];
  const [near] = nearNames(option, known);
  return near === undefined ? undefined : `did you mean ${near}?`;
}

function typeName(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : `of the type ${typeof value}`;
}
