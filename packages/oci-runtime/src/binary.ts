import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';

/** The absolute path of a command, or undefined. Relative entries of PATH do not count: they depend on who calls from where. */
export function findBinary(name: string, searchPath: string = process.env['PATH'] ?? ''): string | undefined {
  if (path.isAbsolute(name)) return isExecutable(name) ? name : undefined;
  return searchPath
    .split(':')
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, name))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
