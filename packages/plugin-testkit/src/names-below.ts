import { readdirSync } from 'node:fs';
import { hasCode } from '@slipway/plugin-api';

/**
 * Paths of everything below a folder, sorted. What goes meanwhile is left out. A symbolic link is a name like any other:
 * `readdirSync` with `recursive` would go on through it, out of the folder.
 */
export function namesBelow(folder: string): string[] {
  return [...walk(Buffer.from(folder), '')].sort();
}

/** `latin1` keeps each byte of a name that is not UTF-8. */
function* walk(folder: Buffer, prefix: string): Generator<string> {
  for (const entry of entriesOf(folder)) {
    const name = prefix + entry.name;
    yield name;
    if (entry.isDirectory()) yield* walk(Buffer.concat([folder, Buffer.from(`/${entry.name}`, 'latin1')]), `${name}/`);
  }
}

function entriesOf(folder: Buffer) {
  try {
    return readdirSync(folder, { withFileTypes: true, encoding: 'latin1' });
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
