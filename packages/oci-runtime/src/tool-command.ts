import { execFile } from 'node:child_process';
import { ToolFailure } from '@slipway/monitor';
import type { ContainerFolder } from './container-folder.js';
import type { Tool } from './tool.js';

/** Enough on a machine that is very busy; one that takes longer hangs. */
export const limitsMs = { create: 60_000, start: 30_000, delete: 30_000, query: 10_000 } as const;

/** argv for one container, of a command that the monitor runs: the tool's log goes to the container's folder as JSON. */
export function toolArgs(tool: Tool, folder: ContainerFolder, verb: string, ...options: readonly string[]): string[] {
  return [tool.binary, '--root', folder.toolRoot, '--log', folder.log, '--log-format', 'json', verb, ...options, folder.id];
}

/** The same for {@link runTool}, which has on stderr what the tool logs; `rest` comes after the id. */
export function directArgs(
  tool: Tool,
  folder: ContainerFolder,
  [verb = '', ...options]: readonly string[],
  ...rest: readonly string[]
): string[] {
  return [tool.binary, '--root', folder.toolRoot, '--log-format', 'json', verb, ...options, folder.id, ...rest];
}

/** Runs a command to its end and resolves with what it printed on stdout. Rejects with a {@link ToolFailure} of `verb`. */
export function runTool(verb: string, [binary = '', ...args]: readonly string[], limitMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      cwd: '/',
      env: { PATH: process.env['PATH'] ?? '' },
      timeout: limitMs,
      killSignal: 'SIGKILL',
      maxBuffer: 4 * 1024 * 1024,
    } as const;
    execFile(binary, args, options, (error, stdout, stderr) => {
      if (error === null) {
        resolve(stdout);
        return;
      }
      const output = (stderr.trim() === '' ? stdout : stderr).slice(-4096);
      if (typeof error.code === 'number') reject(new ToolFailure(verb, 'exit', error.code, output));
      else if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER')
        reject(new ToolFailure(verb, 'result', 0, 'it printed too much'));
      else if (error.killed === true) reject(new ToolFailure(verb, 'timeout', limitMs, output));
      else if (typeof error.signal === 'string') reject(new ToolFailure(verb, 'signal', 0, error.signal));
      else reject(error);
    });
  });
}
