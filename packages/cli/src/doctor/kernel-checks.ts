import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { linux } from '@slipway/linux';
import { findInit, findMonitor } from '@slipway/monitor';
import { type Check, fail, messageOf, ok, warn } from './check.js';

const newerKernel = 'use Linux 5.12 or newer; in a container: run it privileged';

/** The calls that Slipway is built on, each made once on a folder of our own. */
export function kernelChecks(isRoot: boolean): Check[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-doctor-'));
  try {
    return [openInRoot(folder), detachedMount(folder, isRoot), terminal(), monitor(), init()];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function openInRoot(folder: string): Check {
  const name = 'openat2';
  const root = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    closeSync(linux.openInRoot(root, '..', constants.O_RDONLY | constants.O_DIRECTORY));
    return ok(name, 'paths are resolved inside a root');
  } catch (error) {
    return fail(name, messageOf(error), newerKernel);
  } finally {
    closeSync(root);
  }
}

function detachedMount(folder: string, isRoot: boolean): Check {
  const name = 'detached mounts';
  if (!isRoot) return warn(name, 'not looked at', 'only root can: sudo slipway doctor');
  try {
    closeSync(linux.mountDetached([{ kind: 'bind', source: folder, readOnly: true }]));
    return ok(name, 'trees are mounted out of sight');
  } catch (error) {
    return fail(name, messageOf(error), newerKernel);
  }
}

function terminal(): Check {
  const name = 'terminals';
  try {
    const { master, slave } = linux.openPty();
    closeSync(master);
    closeSync(slave);
    return ok(name, 'pseudo-terminals can be made');
  } catch (error) {
    return warn(name, messageOf(error), 'mount devpts on /dev/pts; until then slipway run -t does not work');
  }
}

function monitor(): Check {
  try {
    return ok('monitor', findMonitor());
  } catch (error) {
    return fail('monitor', messageOf(error), 'build it: make -C native/monitor');
  }
}

function init(): Check {
  const found = findInit();
  return found === undefined
    ? warn('init', 'not beside Slipway', 'build it: make -C native/init; until then slipway run --init does not work')
    : ok('init', found);
}
