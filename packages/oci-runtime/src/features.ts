import { ToolFailure } from '@slipway/monitor';
import { neutralize } from '@slipway/oci';
import { type RuntimeFeatures, SlipwayError } from '@slipway/plugin-api';
import type { Tool } from './tool.js';
import { limitsMs, runTool } from './tool-command.js';

/** Asks the tool. Errors: `failed-precondition` when it is missing or is no OCI runtime. */
export async function readFeatures(tool: Tool): Promise<RuntimeFeatures> {
  const text = await runTool('--version', [tool.binary, '--version'], limitsMs.query).catch((error: unknown) => {
    throw notRuntime(tool, error instanceof Error ? error.message : String(error), error);
  });
  const version = readVersion(text);
  if (version === undefined) throw notRuntime(tool, `"--version" printed ${JSON.stringify(neutralize(text.trim(), 80))}`);
  return {
    version: `${version.name} ${version.number}`,
    isolation: 'process',
    pause: true,
    exec: true,
    update: true,
    seccomp: await hasSeccomp(tool, text),
  };
}

/** `runc version 1.1.5`, `crun version 1.8.1`, `runsc version release-20240107.0`, `youki version: 0.5.0`. */
function readVersion(text: string): { readonly name: string; readonly number: string } | undefined {
  const [, name, number] = /^(runc|crun|runsc|youki)(?: version)?:? (\S+)/m.exec(text) ?? [];
  return name === undefined || number === undefined ? undefined : { name, number };
}

/** `runc features` came with 1.1; an older one names the library in its version when it has it. crun lists what it was built with. */
async function hasSeccomp(tool: Tool, versionText: string): Promise<boolean> {
  try {
    const features: unknown = JSON.parse(await runTool('features', [tool.binary, 'features'], limitsMs.query));
    const linux = property(features, 'linux');
    return property(property(linux, 'seccomp'), 'enabled') === true;
  } catch (error) {
    if (error instanceof ToolFailure || error instanceof SyntaxError)
      return /^libseccomp: /m.test(versionText) || /^\+.*\+SECCOMP\b/m.test(versionText);
    throw error;
  }
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
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
