import type { ContainerSettings, ImageConfig, RuntimeMount, RuntimeResources, RuntimeSpec } from '@slipway/plugin-api';
import { buildArgs } from './args.js';
import { defaultCapabilities } from './capabilities.js';
import { parseContainerId } from './container-id.js';
import { defaultDeviceRules } from './devices.js';
import { buildEnv } from './env.js';
import type { HostFacts } from './host-facts.js';
import { parseHostname } from './hostname.js';
import { imageDefaults } from './image-defaults.js';
import { maskedPaths, readonlyPaths } from './kernel-paths.js';
import { checkMountPoints, mounts } from './mounts.js';
import type { RootFiles } from './root-files.js';
import { seccompProfile } from './seccomp/index.js';
import { resolveUser } from './user.js';
import { resolveWorkdir } from './workdir.js';

export interface SpecInput {
  readonly id: string;
  /** For people: hooks find it among the annotations. */
  readonly name: string;
  readonly image: ImageConfig;
  readonly settings: ContainerSettings;
  readonly rootfs: RootFiles;
  readonly host: HostFacts;
  /** Binds, volumes and tmpfs, resolved; they come after our own. */
  readonly mounts: readonly RuntimeMount[];
  /** Namespaces of other containers to be in, as `/proc/PID/ns/pid`. */
  readonly namespacePaths: { readonly pid?: string; readonly ipc?: string; readonly network?: string };
  /** Limits, checked; device rules are added to its own. */
  readonly resources: RuntimeResources;
}

/**
 * The config.json of a container: the image's wishes under the user's, inside the isolation that Docker's users know. The root
 * is `rootfs` in the bundle. Labels of the image are no part of it, and neither are its volumes: they are folders of the root.
 * As with Docker, `noNewPrivileges` is off (su and sudo work) and limits are those of whoever starts the container.
 */
export function buildSpec(input: SpecInput): RuntimeSpec {
  const { settings, host, rootfs } = input;
  const id = parseContainerId(input.id);
  const image = imageDefaults(input.image);
  checkMountPoints(rootfs);
  const network = settings.network ?? 'none';
  const hostname = chooseHostname(id, network, input);
  const user = resolveUser(rootfs, settings.user || image.user);
  const terminal = settings.terminal !== undefined;
  return {
    ociVersion: '1.2.1',
    hostname,
    root: { path: 'rootfs', readonly: settings.readOnly ?? false },
    process: {
      terminal,
      ...(settings.terminal === undefined
        ? {}
        : { consoleSize: { height: settings.terminal.rows, width: settings.terminal.columns } }),
      user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
      args: buildArgs(image, settings),
      env: buildEnv({ hostname, home: user.home, terminal, image: image.env, options: settings.env ?? [] }),
      cwd: resolveWorkdir(rootfs, settings.workdir || image.workdir),
      capabilities: { bounding: defaultCapabilities, effective: defaultCapabilities, permitted: defaultCapabilities },
      noNewPrivileges: false,
    },
    mounts: [...mounts(network, host), ...input.mounts],
    linux: {
      namespaces: namespaces(network, host).map((type) => ({ type })),
      cgroupsPath: `/slipway/${id}`,
      resources: { ...input.resources, devices: [...defaultDeviceRules, ...(input.resources.devices ?? [])] },
      seccomp: seccompProfile({ ...host, capabilities: defaultCapabilities }),
      maskedPaths: maskedPaths(host),
      readonlyPaths,
      ...(network === 'host' ? {} : { sysctl: networkSysctls(host) }),
    },
  };
}

/** In the host's network programs look their own host name up, so it is the host's; else, as with Docker, the id's beginning. */
function chooseHostname(id: string, network: 'none' | 'host', { settings, host }: SpecInput): string {
  if (settings.hostname !== undefined) return parseHostname(settings.hostname);
  return network === 'host' ? host.hostname : id.slice(0, 12).replace(/[.-]+$/, '');
}

/** A cgroup namespace only on v2, as Docker decides: on v1 programs look for themselves under the host's paths. */
function namespaces(network: 'none' | 'host', host: HostFacts): readonly string[] {
  return [
    ...['mount', 'uts', 'ipc', 'pid'],
    ...(network === 'host' ? [] : ['network']),
    ...(host.cgroupVersion === 2 ? ['cgroup'] : []),
  ];
}

/** In a network of its own any user may use any port and ping, as with Docker. */
function networkSysctls(host: HostFacts): Readonly<Record<string, string>> {
  const wanted = { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 2147483647' };
  return Object.fromEntries(Object.entries(wanted).filter(([name]) => host.sysctls.includes(name)));
}
