import { neutralize } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';
import type { Tool } from './tool.js';
import { limitsMs, runTool } from './tool-command.js';

/** Those whose `--version` is known. Others with runc's command line may do, too, under one of these names. */
const known = ['runc', 'crun', 'runsc', 'youki'] as const;
export type ToolName = (typeof known)[number];

export interface ToolVersion {
  readonly name: ToolName;
  readonly number: string;
  /** All that `--version` printed. */
  readonly text: string;
}

const asked = new Map<string, Promise<ToolVersion>>();

/** Asked once in a process, unless it failed. Errors: `failed-precondition` when it is missing or is no OCI runtime. */
export function versionOf(tool: Tool): Promise<ToolVersion> {
  let version = asked.get(tool.binary);
  if (version === undefined) {
    version = askVersion(tool).catch((error: unknown) => {
      asked.delete(tool.binary);
      throw error;
    });
    asked.set(tool.binary, version);
  }
  return version;
}

/** Without asking where the file's name tells: it is needed before every creation. Undefined for what does not say, or does not work. */
export async function nameOf(tool: Tool): Promise<ToolName | undefined> {
  const name = known.find((word) => word === tool.fileName);
  return name ?? (await versionOf(tool).catch(() => undefined))?.name;
}

async function askVersion(tool: Tool): Promise<ToolVersion> {
  const text = await runTool('--version', [tool.binary, '--version'], limitsMs.query).catch((error: unknown) => {
    throw notRuntime(tool, error instanceof Error ? error.message : String(error), error);
  });
  // runc version 1.1.5, crun version 1.8.1, runsc version release-20240107.0, youki version: 0.5.0
  const [, name, number = ''] = /^(\w+)(?: version)?:? +(\S+)/m.exec(text) ?? [];
  const found = known.find((word) => word === name);
  if (found === undefined) throw notRuntime(tool, `"--version" printed ${JSON.stringify(neutralize(text.trim(), 80))}`);
  return { name: found, number, text };
}

function notRuntime(tool: Tool, reason: string, cause?: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'RUNTIME_NOT_FOUND',
    message: `${tool.name} at ${JSON.stringify(tool.binary)} does not work: ${reason}`,
    hint: tool.hint,
    details: { binary: tool.binary },
    cause,
  });
}
