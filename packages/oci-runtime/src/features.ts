import { ToolFailure } from '@slipway/monitor';
import type { RuntimeFeatures } from '@slipway/plugin-api';
import type { Tool } from './tool.js';
import { limitsMs, runTool } from './tool-command.js';
import { versionOf } from './version.js';

/** Asks the tool. Errors: `failed-precondition` when it is missing or is no OCI runtime. */
export async function readFeatures(tool: Tool): Promise<RuntimeFeatures> {
  const { name, number, text } = await versionOf(tool);
  const [commands, seccomp] = await Promise.all([commandsOf(tool), hasSeccomp(tool, text)]);
  return {
    version: `${name} ${number}`,
    // gVisor has a kernel of its own, which the container's system calls go to.
    isolation: name === 'runsc' ? 'vm' : 'process',
    pause: commands.has('pause') && commands.has('resume'),
    exec: commands.has('exec'),
    update: commands.has('update'),
    seccomp,
  };
}

/** Those that its help lists, one on a line of its own with its meaning, as all OCI runtimes print it. */
export async function commandsOf(tool: Tool): Promise<ReadonlySet<string>> {
  const text = await runTool('--help', [tool.binary, '--help'], limitsMs.query).catch((error: unknown) => {
    // The text is what counts: runsc prints it and fails.
    if (error instanceof ToolFailure && error.reason === 'exit') return error.output;
    throw error;
  });
  return new Set(Array.from(text.matchAll(/^\s+([a-z]+)(?:, [a-z]+)*\s/gm), ([, word = '']) => word));
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
