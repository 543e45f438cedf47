import { closeSync, existsSync } from 'node:fs';
import { ToolFailure } from '@slipway/monitor';
import { type RuntimeState, SlipwayError } from '@slipway/plugin-api';
import * as v from 'valibot';
import { type ContainerFolder, lockOf, readExit } from './container-folder.js';
import type { Tool } from './tool.js';
import { limitsMs, runTool, toolArgs } from './tool-command.js';
import { toolError } from './tool-errors.js';

const stateSchema = v.object({
  status: v.picklist(['creating', 'created', 'running', 'paused', 'stopped']),
  pid: v.optional(v.number(), 0),
});

/** What the tool says; where it knows nothing yet or no more, what our own folder says. */
export async function readState(tool: Tool, folder: ContainerFolder): Promise<RuntimeState> {
  const { id } = folder;
  if (!existsSync(folder.directory)) throw notFound(id);
  if (readExit(folder) !== undefined) return { id, status: 'stopped', supervised: true };
  let text: string;
  try {
    text = await runTool('state', toolArgs(tool, folder, 'state'), limitsMs.query);
  } catch (error) {
    if (!(error instanceof ToolFailure) || !/does not exist/.test(error.output))
      throw toolError(tool, 'state', id, error, folder.log);
    return { id, status: await unknownToTool(folder), supervised: true };
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), stateSchema), text);
  if (!parsed.success)
    throw toolError(tool, 'state', id, new ToolFailure('state', 'result', 0, 'it printed no state'), folder.log);
  const { status, pid } = parsed.output;
  return { id, status, supervised: true, ...(pid > 0 && status !== 'stopped' ? { pid } : {}) };
}

async function unknownToTool(folder: ContainerFolder): Promise<'creating' | 'stopped'> {
  const lock = await lockOf(folder, 0);
  if (lock === undefined) return 'creating';
  if (lock === 'gone') throw notFound(folder.id);
  closeSync(lock);
  return 'stopped';
}

function notFound(id: string): SlipwayError {
  return new SlipwayError({
    kind: 'not-found',
    code: 'CONTAINER_NOT_FOUND',
    message: `container "${id}" does not exist`,
    details: { id },
  });
}
