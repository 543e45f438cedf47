import type { RuntimeMount, RuntimeSpec } from '@slipway/plugin-api';
import { type GuestFile, guestBinds } from './guest-binds.js';
import { guestResources } from './guest-resources.js';
import { cannot } from './refusal.js';
import type { SharedTree } from './shared-trees.js';

export interface GuestSpec {
  /** For the runtime in the guest. */
  readonly spec: RuntimeSpec;
  /** Copied into the guest before the container is made. */
  readonly files: readonly GuestFile[];
}

export interface GuestSpecInput {
  readonly id: string;
  readonly bundle: string;
  readonly spec: RuntimeSpec;
  /** Where the root is in the guest. */
  readonly root: string;
  readonly trees: readonly SharedTree[];
}

/** Memory devices, the terminal and fuse are the same in every kernel: type, major, minor. */
const everywhere = new Set(['c 1 3', 'c 1 5', 'c 1 7', 'c 1 8', 'c 1 9', 'c 5 0', 'c 5 2', 'c 10 229']);

/**
 * What the host's config.json means in a kernel of its own. Namespaces that it would share with the host, devices of the host, and what the host's kernel would do for it, are refused: nothing is
 * dropped in silence. Errors: `unimplemented`.
 */
export function guestSpec({ id, bundle, spec, root, trees }: GuestSpecInput): GuestSpec {
  checkNamespaces(id, spec);
  checkDevices(id, spec);
  const resources = guestResources(id, spec.linux.resources ?? {});
  if (Object.values(spec.hooks ?? {}).some((hooks) => hooks.length > 0))
    throw cannot(id, 'hooks run on the host, in namespaces that a virtual machine does not have', 'leave out --hooks');
  const { mounts, files } = guestBinds(id, bundle, spec.mounts.map(checkPropagation(id)), trees);
  const { resources: _resources, rootfsPropagation: _, ...linux } = spec.linux;
  const { hooks: _hooks, ...rest } = spec;
  return {
    files,
    spec: {
      ...rest,
      root: { path: root, readonly: spec.root.readonly ?? false },
      mounts,
      linux: {
        ...linux,
        namespaces: guestNamespaces(spec),
        cgroupsPath: `/${id}`,
        resources,
      },
    },
  };
}

/** That of the guest's first process. */
const guestNetwork = '/proc/1/ns/net';

/**
 * The guest has one network, which is named all the same: else its runtime sets no `net.*` of sysctl. It has cgroups of v2, whatever the host has: they are hidden from the container as there.
 */
function guestNamespaces({ linux }: RuntimeSpec): RuntimeSpec['linux']['namespaces'] {
  const types = new Set([...linux.namespaces.map(({ type }) => type), 'cgroup']);
  return [...types].map((type) => (type === 'network' ? { type, path: guestNetwork } : { type }));
}

function checkNamespaces(id: string, { linux: { namespaces } }: RuntimeSpec): void {
  const own = ['pid', 'ipc', 'uts', 'mount', 'network'];
  for (const type of own) {
    const found = namespaces.find((namespace) => namespace.type === type);
    if (found === undefined) throw sharing(id, type, "the host's");
    if (found.path !== undefined && type !== 'network') throw sharing(id, type, "another container's");
  }
  const other = namespaces.find(({ type }) => ![...own, 'cgroup'].includes(type));
  if (other !== undefined) throw sharing(id, other.type, 'an');
}

function sharing(id: string, type: string, whose: string) {
  return cannot(
    id,
    `${whose} ${type} namespace cannot be had in a virtual machine, which has a kernel of its own`,
    'leave it out, or use a stack whose containers are processes of the host (--stack)',
  );
}

function checkDevices(id: string, { linux: { devices = [] } }: RuntimeSpec): void {
  const host = devices.find(({ type, major, minor }) => !everywhere.has(`${type === 'u' ? 'c' : type} ${major} ${minor}`));
  if (host === undefined) return;
  throw cannot(
    id,
    `the device ${JSON.stringify(host.path)} of the host cannot be given to a virtual machine`,
    'leave out --device and --privileged, or use a stack whose containers are processes of the host (--stack)',
  );
}

/** What is mounted later on the host does not show in the guest, nor the other way. */
function checkPropagation(id: string): (mount: RuntimeMount) => RuntimeMount {
  return (mount) => {
    const word = (mount.options ?? []).find((option) => /^r?(shared|slave)$/.test(option));
    if (word === undefined) return mount;
    throw cannot(
      id,
      `the mount at ${JSON.stringify(mount.destination)} is to be ${word}, and mounts do not pass between host and virtual machine`,
      'leave out its propagation',
    );
  };
}
