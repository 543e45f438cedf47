import { SlipwayError } from '@slipway/plugin-api';
import type { CgroupHost } from './host.js';

/** Who makes a container's cgroup: the runtime by itself, or systemd when the runtime asks for it, as a scope in a slice. */
export type CgroupDriver = 'cgroupfs' | 'systemd';

/**
 * On v2 with systemd it is systemd's: whatever else writes into its tree may be undone at any reload. On v1 the controllers' trees are everybody's, and
 * Docker's choice is cgroupfs.
 */
export function cgroupDriverOf(host: CgroupHost): CgroupDriver {
  return host.version === 'v2' && host.systemd ? 'systemd' : 'cgroupfs';
}

/**
 * `linux.cgroupsPath` of config.json: `/slipway/ID`, with systemd `system.slice:slipway:ID`, a form that no path has. `parent`: instead of `/slipway`; with systemd a
 * slice, which may be given as `a-b.slice`. Errors: `invalid-argument`.
 */
export function cgroupsPathOf(driver: CgroupDriver, id: string, parent?: string): string {
  if (driver === 'cgroupfs') {
    const base = parent ?? '/slipway';
    const parts = base.split('/').slice(1);
    const plain = parts.every((part) => /^[^/:\0\s]{1,255}$/.test(part) && part !== '.' && part !== '..');
    if (!base.startsWith('/') || base.length > 1024 || !plain)
      throw invalid(parent, 'an absolute path of names without spaces and colons', 'give it as in: --cgroup-parent /jobs');
    return `${base}/${id}`;
  }
  const slice = parent ?? 'system.slice';
  // systemd.slice(5): dashes lead through the tree of slices, so none stands at an end or beside another.
  if (slice.length > 255 || !/^[A-Za-z0-9_.\\]+(-[A-Za-z0-9_.\\]+)*\.slice$/.test(slice))
    throw invalid(
      parent,
      'the name of a slice, for cgroups are made by systemd here',
      'give it as in: --cgroup-parent jobs.slice',
    );
  return `${slice}:slipway:${id}`;
}

/** Which driver a config.json asks for. */
export function driverOfPath(cgroupsPath: string): CgroupDriver {
  return /^[^/:]+:[^:]+:[^:]+$/.test(cgroupsPath) ? 'systemd' : 'cgroupfs';
}

function invalid(parent: string | undefined, expected: string, hint: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'CGROUP_PARENT_INVALID',
    message: `Parent control group ${JSON.stringify(parent)} is not ${expected}`,
    hint,
    details: { cgroupParent: parent },
  });
}
