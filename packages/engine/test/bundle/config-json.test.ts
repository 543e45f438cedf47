import { runtimeJson } from '@slipway/oci';
import type { ContainerSettings } from '@slipway/plugin-api';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { buildSpec } from '../../dist/bundle/index.js';
import { bare, image } from './hosts.js';
import { tree } from './tree.js';

/** What the runtime-spec's config.md and config-linux.md say of the fields that are written; any other field is an error. */
const path = v.pipe(v.string(), v.startsWith('/'));
const id = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(4_294_967_295));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const capability = v.pipe(v.string(), v.regex(/^CAP_[A-Z_]+$/));
const texts = v.record(v.string(), v.string());
const env = v.array(v.pipe(v.string(), v.regex(/^[^=]+=/)));
const hooks = v.optional(
  v.array(
    v.strictObject({ path, args: v.array(v.string()), env, timeout: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))) }),
  ),
);
const action = v.pipe(v.string(), v.regex(/^SCMP_ACT_[A-Z_]+$/));
const rule = v.strictObject({
  names: v.pipe(v.array(v.string()), v.minLength(1)),
  action,
  errnoRet: v.optional(count),
  args: v.optional(
    v.array(
      v.strictObject({
        index: count,
        value: count,
        valueTwo: v.optional(count),
        op: v.pipe(v.string(), v.startsWith('SCMP_CMP_')),
      }),
    ),
  ),
});
const config = v.strictObject({
  ociVersion: v.pipe(v.string(), v.regex(/^1\.\d+\.\d+$/)),
  hostname: v.optional(v.string()),
  root: v.strictObject({ path: v.string(), readonly: v.boolean() }),
  process: v.strictObject({
    terminal: v.boolean(),
    consoleSize: v.optional(v.strictObject({ height: count, width: count })),
    user: v.strictObject({ uid: id, gid: id, additionalGids: v.array(id) }),
    args: v.pipe(v.array(v.string()), v.minLength(1)),
    env,
    cwd: path,
    capabilities: v.strictObject({
      bounding: v.array(capability),
      effective: v.array(capability),
      permitted: v.array(capability),
    }),
    rlimits: v.optional(
      v.array(v.strictObject({ type: v.pipe(v.string(), v.regex(/^RLIMIT_[A-Z]+$/)), soft: count, hard: count })),
    ),
    noNewPrivileges: v.boolean(),
    oomScoreAdj: v.optional(v.pipe(v.number(), v.integer(), v.minValue(-1000), v.maxValue(1000))),
  }),
  mounts: v.array(v.strictObject({ destination: path, type: v.string(), source: v.string(), options: v.array(v.string()) })),
  annotations: texts,
  hooks: v.optional(
    v.strictObject({ createRuntime: hooks, createContainer: hooks, startContainer: hooks, poststart: hooks, poststop: hooks }),
  ),
  linux: v.strictObject({
    namespaces: v.array(
      v.strictObject({ type: v.picklist(['mount', 'uts', 'ipc', 'pid', 'network', 'cgroup']), path: v.optional(path) }),
    ),
    cgroupsPath: v.string(),
    resources: v.strictObject({
      devices: v.array(
        v.strictObject({
          allow: v.boolean(),
          type: v.optional(v.picklist(['a', 'b', 'c'])),
          major: v.optional(count),
          minor: v.optional(count),
          access: v.pipe(v.string(), v.regex(/^[rwm]{1,3}$/)),
        }),
      ),
    }),
    devices: v.optional(
      v.array(
        v.strictObject({
          path,
          type: v.picklist(['b', 'c']),
          major: count,
          minor: count,
          fileMode: v.pipe(count, v.maxValue(0o777)),
          uid: id,
          gid: id,
        }),
      ),
    ),
    seccomp: v.optional(
      v.strictObject({
        defaultAction: action,
        defaultErrnoRet: v.optional(count),
        architectures: v.optional(v.array(v.pipe(v.string(), v.startsWith('SCMP_ARCH_')))),
        flags: v.optional(v.array(v.pipe(v.string(), v.startsWith('SECCOMP_FILTER_FLAG_')))),
        syscalls: v.array(rule),
      }),
    ),
    maskedPaths: v.array(path),
    readonlyPaths: v.array(path),
    sysctl: v.optional(texts),
    rootfsPropagation: v.optional(v.picklist(['shared', 'rslave'])),
  }),
});

const everything: ContainerSettings = {
  user: '5:6',
  groups: ['7'],
  terminal: { rows: 24, columns: 80 },
  hostname: 'a',
  domainname: 'b',
  namespaces: { cgroup: 'private' },
  labels: { a: 'b' },
  annotations: { c: 'd' },
  readOnly: true,
  shmSize: 4096,
  devices: [{ source: '/dev/full' }],
  deviceRules: ['c 1:* r', 'a *:* rwm'],
  capAdd: ['ALL'],
  noNewPrivileges: true,
  mask: ['/x'],
  rlimits: [
    { name: 'core', soft: -1, hard: -1 },
    { name: 'nofile', soft: 1, hard: 2 },
  ],
  sysctls: { 'kernel.sem': '1 2 3 4' },
  oomScoreAdj: 5,
  init: true,
  hooks: { createRuntime: [{ path: '/bin/ls', timeout: 4 }], poststop: [{ path: '/bin/ls' }] },
  seccomp: {
    defaultAction: 'SCMP_ACT_ALLOW',
    flags: ['SECCOMP_FILTER_FLAG_LOG'],
    syscalls: [
      {
        name: 'mkdir',
        action: 'SCMP_ACT_ERRNO',
        errnoRet: 1,
        args: [{ index: 0, value: 1, valueTwo: 2, op: 'SCMP_CMP_MASKED_EQ' }],
      },
    ],
  },
};

test.each([
  ['nothing', {}],
  ['everything', everything],
  ['a privileged container', { privileged: true }],
  ['the host’s namespaces', { network: 'host', namespaces: { pid: 'host', ipc: 'host', uts: 'host', cgroup: 'host' } }],
] as [string, ContainerSettings][])('config.json of %s has what the specification knows, in its types', (_, settings) => {
  using files = tree({ 'etc/passwd': '' });
  const spec = buildSpec({ ...bare, image: image({ Cmd: ['sh'] }), settings, rootfs: files.root });
  const parsed = v.safeParse(config, JSON.parse(runtimeJson(spec)));
  expect(parsed.issues?.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`)).toBeUndefined();
  const destinations = spec.mounts.map(({ destination }) => destination);
  expect(new Set(destinations).size).toBe(destinations.length);
});
