import type { KeyPath } from './table.js';

/**
 * The line (from 1) that sets `path` in a TOML text, or undefined when plain reading does not find it (a key inside an
 * inline table answers with the line of what holds it). The parser keeps no positions, and an error without a line is
 * still right, so this reads headers and keys and no values.
 */
export function lineOf(text: string, path: KeyPath): number | undefined {
  let section: KeyPath = [];
  let found: { readonly line: number; readonly length: number } | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const header = /^\s*\[{1,2}([^[\]]+)\]/.exec(raw);
    const assignment = /^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=/.exec(raw);
    let key: KeyPath | undefined;
    if (header?.[1] !== undefined) {
      section = splitKey(header[1]);
      key = section;
    } else if (assignment?.[1] !== undefined) {
      key = [...section, ...splitKey(assignment[1])];
    }
    if (key === undefined || !startsWith(path, key)) continue;
    if (found === undefined || key.length > found.length) found = { line: index + 1, length: key.length };
  }
  return found?.line;
}

function startsWith(path: KeyPath, start: KeyPath): boolean {
  return start.length <= path.length && start.every((key, index) => path[index] === key);
}

function splitKey(key: string): KeyPath {
  return [...key.matchAll(/"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)/g)].map((part) => part[1] ?? part[2] ?? part[3] ?? '');
}
