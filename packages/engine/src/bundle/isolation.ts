import type { ContainerSettings, RuntimeLinux } from '@slipway/plugin-api';
import type { HostFacts } from './host-facts.js';
import { invalid, quote } from './invalid.js';

/** `own`: a new namespace. `host`: that of whoever starts it. Else the path of one that is there: another container's, or one that was made for this one (`isOwn`). */
export type Sharing = 'own' | 'host' | { readonly path: string; readonly isOwn?: boolean };

/** Nobody else's. */
export function isOwn(sharing: Sharing): boolean {
  return sharing === 'own' || (typeof sharing === 'object' && sharing.isOwn === true);
}

/** What a container shares with others. */
export interface Isolation {
  readonly network: Sharing;
  readonly pid: Sharing;
  readonly ipc: Sharing;
  readonly uts: 'own' | 'host';
  readonly cgroup: 'own' | 'host';
}

/** Paths of the namespaces of other containers, where the settings name one, and of those that are made already. */
export interface NamespacePaths {
  readonly pid?: string;
  readonly ipc?: string;
  readonly network?: string;
  /** That at the path was made for this container. */
  readonly networkIsOwn?: boolean;
}

/**
 * Which namespaces are its own. Of the cgroup only on v2 unless asked for, as Docker decides: on v1 programs look for themselves under
 * the host's paths. Errors: `NAMESPACE_INVALID`.
 */
export function isolationOf(
  { network = 'none', namespaces = {} }: Pick<ContainerSettings, 'network' | 'namespaces'>,
  paths: NamespacePaths,
  host: Pick<HostFacts, 'cgroupVersion'>,
): Isolation {
  return {
    network: networkSharing(network, paths),
    pid: sharing('pid', namespaces.pid, paths.pid),
    ipc: sharing('ipc', namespaces.ipc, paths.ipc),
    uts: ownOrHost('uts', namespaces.uts) ?? 'own',
    cgroup: ownOrHost('cgroup', namespaces.cgroup) ?? (host.cgroupVersion === 2 ? 'own' : 'host'),
  };
}

function networkSharing(network: ContainerSettings['network'], { network: path, networkIsOwn = false }: NamespacePaths): Sharing {
  if (path !== undefined) return { path, isOwn: networkIsOwn };
  return network === 'host' ? 'host' : 'own';
}

function sharing(kind: 'pid' | 'ipc', mode: string | undefined, path: string | undefined): Sharing {
  if (path !== undefined) return { path };
  if (mode === undefined || mode === 'private') return 'own';
  if (mode === 'host') return 'host';
  throw wrong(kind, mode, /^container:./.test(mode) ? 'that container does not run' : 'expected private, host or container:NAME');
}

function ownOrHost(kind: 'uts' | 'cgroup', mode: string | undefined): 'own' | 'host' | undefined {
  if (mode === undefined || mode === 'host') return mode;
  if (mode === 'private') return 'own';
  throw wrong(kind, mode, 'expected private or host');
}

function wrong(kind: string, mode: string, why: string) {
  return invalid('NAMESPACE_INVALID', `Namespace ${kind} ${quote(String(mode))}: ${why}`, {
    hint: `as in: --${kind === 'cgroup' ? 'cgroupns' : kind} host`,
  });
}

/** For config.json: a mount namespace is always its own, a user namespace never. */
export function namespaceList(isolation: Isolation): RuntimeLinux['namespaces'] {
  const shared = (['uts', 'ipc', 'pid', 'network', 'cgroup'] as const).flatMap((type) => {
    const how = isolation[type];
    if (how === 'host') return [];
    return [how === 'own' ? { type } : { type, path: how.path }];
  });
  return [{ type: 'mount' }, ...shared];
}
