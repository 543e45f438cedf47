import type { RuntimeProcess } from '@slipway/plugin-api';
import { SlipwayError } from '@slipway/plugin-api';
import { envValue } from './env.js';
import { withoutInit } from './init.js';
import { quote } from './invalid.js';
import type { FoundFile, RootFiles } from './root-files.js';

/**
 * Where the process' program is in the tree, looked for as execvp(3) does: a name with a slash from the working directory on,
 * any other in the folders of the container's PATH. Relative folders in PATH are passed over, as runc does.
 * Errors: `not-found` with `COMMAND_NOT_FOUND` (a shell's 127); `permission-denied` with `COMMAND_NOT_EXECUTABLE` (126): all
 * that was found are directories or files that nobody may execute.
 */
export function findCommand(root: RootFiles, process: Pick<RuntimeProcess, 'args' | 'env' | 'cwd'>): string {
  const name = withoutInit(process.args)[0] ?? '';
  const path = envValue(process.env, 'PATH') ?? '';
  let unusable: FoundFile | undefined;
  for (const candidate of candidates(name, path, process.cwd)) {
    const found = root.find(candidate);
    if (found?.kind === 'file' && (found.mode & 0o111) !== 0) return candidate;
    unusable ??= found;
  }
  if (unusable !== undefined) {
    throw new SlipwayError({
      kind: 'permission-denied',
      code: 'COMMAND_NOT_EXECUTABLE',
      message: `Command ${quote(name)} is ${quote(unusable.path)} in ${root.name}, ${unusable.kind === 'file' ? 'which nobody may execute' : 'which is not a file'}`,
      hint: `name a program of ${root.name}, or run it with one, as in: sh SCRIPT`,
      details: { command: name, path: unusable.path },
    });
  }
  throw new SlipwayError({
    kind: 'not-found',
    code: 'COMMAND_NOT_FOUND',
    message: name.includes('/')
      ? `Command ${quote(name)} is not in ${root.name}`
      : `Command ${quote(name)} is not in ${root.name}, in none of the folders of PATH ${quote(path)}`,
    hint: 'check the spelling, and what is there: slipway images mount REF DIR shows the files of an image, slipway diff CONTAINER what a container changed of them',
    details: { command: name },
  });
}

function candidates(name: string, path: string, cwd: string): readonly string[] {
  if (name === '') return [];
  if (name.startsWith('/')) return [name];
  // Not normalised: "link/.." is where the link leads, which only the look-up knows.
  if (name.includes('/')) return [`${cwd}/${name}`];
  return path
    .split(':')
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => `${folder}/${name}`);
}
