import 'reflect-metadata';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findTool, OciRuntime } from '@slipway/oci-runtime';
import type { Logger } from '@slipway/plugin-api';
import type { OpenRuntime } from '@slipway/plugin-testkit';
import { PlainMachines } from './plain-machines.ts';

const log: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** One that says that each container has a machine. */
export const openSubject: OpenRuntime = async (root) => {
  const tool = findTool({ binary: 'runc', plugin: 'runtime-runc' });
  if (tool === undefined) throw new Error('runc was not found');
  const dirs = { root: join(root, 'plugin'), state: join(root, 'state') };
  for (const folder of Object.values(dirs)) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const instance = new OciRuntime({ ...tool, machine: new PlainMachines() }, dirs, log);
  return { instance, capabilities: {}, folder: dirs.root, async [Symbol.asyncDispose]() {} };
};
