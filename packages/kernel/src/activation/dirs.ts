import fs from 'node:fs';
import path from 'node:path';
import { hasCode, type PluginDirs, SlipwayError, wrapError } from '@slipway/plugin-api';
import type { Manifest } from '../plugins/manifest.js';

/** Makes a plugin's folders, `<root>/<point>/<id>` and the same in the state folder, and what is above them: all 0700. */
export function makeDirs(root: string, state: string, { provides, id }: Manifest): PluginDirs {
  return { root: makeBelow(root, provides, id), state: makeBelow(state, provides, id) };
}

function makeBelow(base: string, ...names: readonly string[]): string {
  try {
    makeFolders(path.resolve(base));
    // The base itself may be a link to where the administrator wants the data.
    checkFolder(base, fs.statSync(base));
    let folder = base;
    for (const name of names) {
      folder = path.join(folder, name);
      fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
      checkFolder(folder, fs.lstatSync(folder));
    }
    return folder;
  } catch (error) {
    throw wrapError(`make folder "${path.join(base, ...names)}"`, error);
  }
}

/** Node's own `recursive` never ends below a folder that is there and refuses with ENOENT, as /proc does. */
function makeFolders(folder: string): void {
  try {
    makeFolder(folder);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    makeFolders(path.dirname(folder));
    makeFolder(folder);
  }
}

function makeFolder(folder: string): void {
  try {
    fs.mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
}

function checkFolder(folder: string, stat: fs.Stats): void {
  const uid = process.geteuid?.();
  const fault = !stat.isDirectory()
    ? 'is no directory'
    : stat.uid !== uid
      ? `is owned by user ${stat.uid}, expected ${uid}`
      : (stat.mode & 0o022) !== 0
        ? `has mode ${(stat.mode & 0o7777).toString(8).padStart(4, '0')}: others can write to it`
        : undefined;
  if (fault === undefined) return;
  throw new SlipwayError({
    kind: 'permission-denied',
    code: 'FOLDER_NOT_OURS',
    message: `folder "${folder}" ${fault}`,
    hint: 'choose another root or state folder, or correct its owner and mode (0700)',
  });
}
