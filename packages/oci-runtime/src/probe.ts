import { writeFileSync } from 'node:fs';
import { runtimeJson } from '@slipway/oci';
import type { Supervision } from '@slipway/plugin-api';
import type { Bundle } from './bundle.js';
import type { ContainerFolder } from './container-folder.js';
import type { Tool } from './tool.js';
import { toolArgs } from './tool-command.js';

/**
 * The command that runs the wanted probe in the container, as the user and with the environment of its first process. Undefined when none
 * is wanted.
 */
export function probeCommand(
  tool: Tool,
  folder: ContainerFolder,
  { spec }: Bundle,
  wanted: Supervision | undefined,
): readonly string[] | undefined {
  if (wanted?.health === undefined) return undefined;
  const process = { ...spec.process, terminal: false, args: wanted.health.args };
  writeFileSync(folder.probe, runtimeJson(process), { mode: 0o600 });
  tool.machine?.prepareProcess(folder, folder.probe, process);
  // A probe may fail every second for years: its words are in the status, and a log would only grow.
  return toolArgs(tool, { ...folder, log: '/dev/null' }, 'exec', '--process', folder.probe);
}
