import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type CgroupDriver, cgroupDriverOf, cgroupsPathOf, driverOfPath, parseScope } from '@slipway/cgroups';
import { runtimeJson } from '@slipway/oci';
import type { Bundle } from './bundle.js';

/**
 * The bundle with a `cgroupsPath` of the wanted driver's form; config.json is written anew when it has another. Without a wish the form that it has decides, and
 * where it has none, what this host is.
 */
export function withCgroupDriver(bundle: Bundle, id: string, wish: CgroupDriver | undefined): Bundle {
  const found = bundle.cgroupsPath === '' ? undefined : driverOfPath(bundle.cgroupsPath);
  const driver = wish ?? found ?? hostDriver();
  if (found === driver || (found === undefined && driver === 'cgroupfs')) return bundle;
  const cgroupsPath = driver === 'systemd' ? asScope(bundle.cgroupsPath, id) : asPath(bundle.cgroupsPath, id);
  rewrite(bundle, cgroupsPath);
  return { ...bundle, cgroupsPath };
}

/** What readCgroupHost would say, without reading more than the driver depends on. */
function hostDriver(): CgroupDriver {
  const version = existsSync('/sys/fs/cgroup/cgroup.controllers') ? 'v2' : 'v1';
  return cgroupDriverOf({ version, systemd: existsSync('/run/systemd/system') });
}

/** `/slipway/ID` is in the slice that systemd keeps for services; a parent that is named as a slice is that slice. */
function asScope(cgroupsPath: string, id: string): string {
  const parent = path.basename(path.dirname(cgroupsPath));
  return cgroupsPathOf('systemd', path.basename(cgroupsPath) || id, parent.endsWith('.slice') ? parent : undefined);
}

function asPath(cgroupsPath: string, id: string): string {
  const slice = parseScope(cgroupsPath)?.slice;
  const name = cgroupsPath.split(':')[2] ?? id;
  return cgroupsPathOf('cgroupfs', name, slice === undefined || slice === 'system.slice' ? undefined : `/${slice}`);
}

/** Whole or not at all: the monitor reads it again at each restart. */
function rewrite({ directory, spec }: Bundle, cgroupsPath: string): void {
  const file = path.join(directory, 'config.json');
  const fresh = `${file}.new`;
  try {
    writeFileSync(fresh, runtimeJson({ ...spec, linux: { ...spec.linux, cgroupsPath } }), { mode: 0o600 });
    renameSync(fresh, file);
  } finally {
    rmSync(fresh, { force: true });
  }
}
