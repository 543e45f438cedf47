import { closeSync } from 'node:fs';
import { ToolFailure } from '@slipway/monitor';
import * as v from 'valibot';
import type { ContainerFolder } from './container-folder.js';
import { notFound } from './errors.js';
import { lockOf } from './folder-lock.js';
import type { Tool } from './tool.js';
import { directArgs, limitsMs, runTool } from './tool-command.js';
import { toolError } from './tool-errors.js';

const stateSchema = v.object({
  status: v.picklist(['creating', 'created', 'running', 'paused', 'stopped']),
  pid: v.optional(v.number(), 0),
});

export interface ToolState {
  readonly status: v.InferOutput<typeof stateSchema>['status'];
  readonly pid?: number;
}

/** What the tool says; where it knows nothing yet or no more, what our own folder says. */
export async function askState(tool: Tool, folder: ContainerFolder): Promise<ToolState> {
  let text: string;
  try {
    text = await runTool('state', directArgs(tool, folder, ['state']), limitsMs.query);
  } catch (error) {
    if (!(error instanceof ToolFailure) || !isUnknown(error.output)) throw toolError(tool, 'state', folder.id, error);
    return { status: await unknownToTool(folder) };
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), stateSchema), text);
  if (!parsed.success) throw toolError(tool, 'state', folder.id, new ToolFailure('state', 'result', 0, 'it printed no state'));
  const { status, pid } = parsed.output;
  return { status, ...(pid > 0 && status !== 'stopped' ? { pid } : {}) };
}

/** runc: `container does not exist`. crun: `error opening file '/.../status': No such file or directory`. */
function isUnknown(output: string): boolean {
  return /does not exist|No such file or directory/.test(output);
}

async function unknownToTool(folder: ContainerFolder): Promise<'creating' | 'stopped'> {
  const lock = await lockOf(folder, 0);
  if (lock === undefined) return 'creating';
  if (lock === 'gone') throw notFound(folder.id);
  closeSync(lock);
  return 'stopped';
}
