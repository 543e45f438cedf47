import { SlipwayError } from '@slipway/plugin-api';
import type { CgroupHost } from './host.js';

/** Who makes a container's cgroup: the runtime by itself, or systemd when the runtime asks for it, as a scope in a slice. */
export type CgroupDriver = 'cgroupfs' | 'systemd';

/**
 * On v2 with systemd it is systemd's: whatever else writes into its tree may be undone at any reload. On v1 the controllers' trees are everybody's, and
 * Docker's choice is cgroupfs.
 */
export function cgroupDriverOf(host: Pick<CgroupHost, 'version' | 'systemd'>): CgroupDriver {
  return host.version === 'v2' && host.systemd ? 'systemd' : 'cgroupfs';
}

/**
 * `linux.cgroupsPath` of config.json: `/slipway/ID`, with systemd `system.slice:slipway:ID`, a form that no path has. `parent` stands for the first part, and its form chooses
 * the driver: an absolute path is made by the runtime, `jobs.slice` by systemd. Errors: `invalid-argument`.
 */
export function cgroupsPathOf(driver: CgroupDriver, id: string, parent?: string): string {
  const base = parent ?? (driver === 'systemd' ? 'system.slice' : '/slipway');
  if (base.startsWith('/')) {
    const parts = base.slice(1).split('/');
    if (base.length > 1024 || !parts.every((part) => /^[^/:\0\s]{1,255}$/.test(part) && part !== '.' && part !== '..'))
      throw invalid(base);
    return `${base}/${id}`;
  }
  if (base.length > 255 || !slicePattern.test(base)) throw invalid(base);
  return `${base}:slipway:${id}`;
}

/** systemd.slice(5): dashes lead down the tree of slices, so none stands at an end or beside another. */
const slicePattern = /^[A-Za-z0-9_.\\]+(-[A-Za-z0-9_.\\]+)*\.slice$/;

/** What {@link cgroupsPathOf} gave for systemd, taken apart; undefined for a path. */
export function parseScope(cgroupsPath: string): { readonly slice: string; readonly scope: string } | undefined {
  const [slice = '', prefix, name, more] = cgroupsPath.split(':');
  if (name === undefined || more !== undefined || slice.includes('/')) return undefined;
  return { slice, scope: `${prefix}-${name}.scope` };
}

/** Which driver a config.json asks for. */
export function driverOfPath(cgroupsPath: string): CgroupDriver {
  return parseScope(cgroupsPath) === undefined ? 'cgroupfs' : 'systemd';
}

/**
 * Where in each hierarchy the cgroup of an absolute or systemd `cgroupsPath` is: `/system.slice/slipway-ID.scope`; `a-b.slice` is in `a.slice`. On v1 systemd
 * makes it so, too.
 */
export function pathInHierarchy(cgroupsPath: string): string {
  const scope = parseScope(cgroupsPath);
  if (scope === undefined) return cgroupsPath;
  const names = scope.slice.slice(0, -'.slice'.length).split('-');
  return `/${names.map((_, index) => `${names.slice(0, index + 1).join('-')}.slice`).join('/')}/${scope.scope}`;
}

function invalid(parent: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'CGROUP_PARENT_INVALID',
    message: `Parent control group ${JSON.stringify(parent)} is neither an absolute path of names without spaces and colons nor the name of a slice`,
    hint: 'give it as in: --cgroup-parent /jobs, or for systemd --cgroup-parent jobs.slice',
    details: { cgroupParent: parent },
  });
}
