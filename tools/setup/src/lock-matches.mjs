// Exit status 0 when node_modules holds what package-lock.json says, 1 when `npm ci` is due. Plain JavaScript, because it runs on whatever
// Node starts npm, before anything is installed.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = process.argv[2] ?? '.';

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(path.join(root, file), 'utf8')).packages ?? {};
  } catch {
    return undefined;
  }
}

const locked = packagesOf('package-lock.json');
// npm leaves there what it really installed.
const installed = packagesOf('node_modules/.package-lock.json');

function same(a, b) {
  return a.version === b.version && a.integrity === b.integrity && a.resolved === b.resolved;
}

// A workspace of the lock whose folder is not there cannot be installed either; asking for it would install everything anew each time.
function absentWorkspace(where, wanted) {
  const folder = wanted.link ? wanted.resolved : where;
  return !folder.includes('node_modules/') && !existsSync(path.join(root, folder));
}

const due =
  !locked ||
  !installed ||
  Object.entries(installed).some(
    ([where, found]) => !locked[where] || !same(locked[where], found) || !existsSync(path.join(root, where)),
  ) ||
  Object.entries(locked).some(
    ([where, wanted]) => where !== '' && !wanted.optional && !installed[where] && !absentWorkspace(where, wanted),
  );

process.exitCode = due ? 1 : 0;
