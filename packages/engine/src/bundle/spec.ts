import { cgroupsPathOf } from '@slipway/cgroups';
import type {
  ContainerSettings,
  ImageConfig,
  RuntimeMount,
  RuntimeProcess,
  RuntimeResources,
  RuntimeSpec,
} from '@slipway/plugin-api';
import { annotationsOf, checkLabels } from './annotations.js';
import { buildArgs } from './args.js';
import { processCapabilities } from './capabilities/index.js';
import { parseContainerId } from './container-id.js';
import { containerDevices } from './devices/index.js';
import { buildEnv } from './env.js';
import { checkHooks } from './hooks.js';
import type { HostFacts } from './host-facts.js';
import { chooseHostname } from './hostname.js';
import { imageDefaults } from './image-defaults.js';
import { containerInit } from './init.js';
import { isolationOf, type NamespacePaths, namespaceList } from './isolation.js';
import { kernelPaths } from './kernel-paths.js';
import { checkMountPoints, kernelMounts, rootPropagation } from './mounts.js';
import { checkOomScoreAdj } from './oom-score.js';
import { processRlimits } from './rlimits.js';
import type { RootFiles } from './root-files.js';
import { containerSeccomp } from './seccomp/index.js';
import { stopSignalOf } from './signal.js';
import { containerSysctls } from './sysctls.js';
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
  readonly namespacePaths: NamespacePaths;
  /** Limits, checked; device rules are added to its own. */
  readonly resources: RuntimeResources;
}

/** The oldest that has what is written. crun 1.8 refuses a bundle that says more than 1.0, whatever is in it. */
const ociVersion = '1.0.2';

/**
 * The config.json of a container: the image's wishes under the user's, inside the isolation that Docker's users know. The root
 * is `rootfs` in the bundle. Labels of the image are no part of it, and neither are its volumes: they are among the mounts.
 * As with Docker, `noNewPrivileges` is off (su and sudo work) and limits of the process are those of whoever starts the container.
 * Settings that it does not write down (labels, stop signal) are checked with the others.
 */
export function buildSpec(input: SpecInput): RuntimeSpec {
  const { settings, host, rootfs } = input;
  const id = parseContainerId(input.id);
  checkMountPoints(rootfs);
  checkLabels(settings);
  stopSignalOf(input.image, settings);
  const isolation = isolationOf(settings, input.namespacePaths, host);
  const hostname = chooseHostname(id, settings, isolation, host);
  const capabilities = processCapabilities(settings, host);
  const seccomp = containerSeccomp(settings, { ...host, capabilities });
  const { devices, rules } = containerDevices(settings);
  const init = settings.init ? containerInit(rootfs, input.mounts, host) : undefined;
  const propagation = rootPropagation(input.mounts);
  const sysctl = containerSysctls(settings, isolation, host);
  return {
    ociVersion,
    ...(isolation.uts === 'own' ? { hostname } : {}),
    root: { path: 'rootfs', readonly: settings.readOnly ?? false },
    process: processOf(input, hostname, capabilities, init?.args ?? []),
    mounts: [...kernelMounts(settings, isolation, host), ...(init === undefined ? [] : [init.mount]), ...input.mounts],
    annotations: annotationsOf(settings, input.name),
    ...(settings.hooks === undefined ? {} : { hooks: checkHooks(settings.hooks) }),
    linux: {
      namespaces: namespaceList(isolation),
      cgroupsPath: cgroupsPathOf(host.cgroupDriver, id, settings.cgroupParent),
      resources: { ...input.resources, devices: [...rules, ...(input.resources.devices ?? [])] },
      ...(devices.length === 0 ? {} : { devices }),
      ...(seccomp === undefined ? {} : { seccomp }),
      ...kernelPaths(settings, host),
      ...(Object.keys(sysctl).length === 0 ? {} : { sysctl }),
      ...(propagation === undefined ? {} : { rootfsPropagation: propagation }),
    },
  };
}

function processOf(
  { image: config, settings, rootfs, host }: SpecInput,
  hostname: string,
  capabilities: readonly string[],
  init: readonly string[],
): RuntimeProcess {
  const image = imageDefaults(config);
  const { terminal } = settings;
  const user = resolveUser(rootfs, settings.user || image.user, settings.groups);
  const rlimits = processRlimits(settings, host);
  return {
    terminal: terminal !== undefined,
    ...(terminal === undefined ? {} : { consoleSize: { height: terminal.rows, width: terminal.columns } }),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: [...init, ...buildArgs(image, settings)],
    env: buildEnv({ hostname, home: user.home, terminal: terminal !== undefined, image: image.env, options: settings.env ?? [] }),
    cwd: resolveWorkdir(rootfs, settings.workdir || image.workdir),
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    ...(rlimits.length === 0 ? {} : { rlimits }),
    noNewPrivileges: settings.noNewPrivileges ?? false,
    ...(settings.oomScoreAdj === undefined ? {} : { oomScoreAdj: checkOomScoreAdj(settings.oomScoreAdj, host) }),
  };
}
