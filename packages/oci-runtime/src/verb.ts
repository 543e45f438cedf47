import { SlipwayError } from '@slipway/plugin-api';
import type { ContainerFolder } from './container-folder.js';
import { notRunning } from './errors.js';
import { commandsOf } from './features.js';
import { observe } from './observe.js';
import type { Tool } from './tool.js';
import { directArgs, limitsMs, runTool } from './tool-command.js';
import { toolError } from './tool-errors.js';

/** A command for a running or paused container. What its failure means is found out after it. */
export async function runVerb(tool: Tool, folder: ContainerFolder, verb: string, ...options: readonly string[]): Promise<void> {
  try {
    await runTool(verb, directArgs(tool, folder, [verb, ...options]), limitsMs.query);
  } catch (error) {
    const { status } = (await observe(tool, folder)).state;
    if (status === 'stopped' || status === 'restarting') throw notRunning(folder.id, status);
    if (!(await commandsOf(tool)).has(verb)) throw lacking(tool, verb);
    throw toolError(tool, verb, folder.id, error);
  }
}

export function lacking(tool: Tool, verb: string): SlipwayError {
  return new SlipwayError({
    kind: 'unimplemented',
    code: 'RUNTIME_LACKS_COMMAND',
    message: `${tool.name} at ${JSON.stringify(tool.binary)} has no command "${verb}"`,
    hint: 'use another OCI runtime, or a newer one',
    details: { binary: tool.binary, command: verb },
  });
}
