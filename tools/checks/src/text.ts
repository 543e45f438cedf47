import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Problem } from './workspace.ts';

// Put together here, so that this file does not find itself.
const note = new RegExp(`\\b(${['TO DO', 'FIX ME', 'XX X', 'HA CK'].map((word) => word.replace(' ', '')).join('|')})\\b`);
const texts = /\.(md|ts|mts|mjs|js|json|sh|c|h|toml|ya?ml)$|(^|\/)(run|Makefile)$/;
/** In prose and settings a path that climbs is a path; in code it is often a hostile name in a test. */
const prose = /\.(md|json|toml|ya?ml|sh)$|^\.ci\//;
const climbing = /(?<![\w./])(?:\.\.\/)+[\w./-]+/g;

/** Notes to self, and mentions of what is outside of the repository, in all files that git knows or would add. */
export function textProblems(root: string): Problem[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  const problems: Problem[] = [];
  for (const file of listed.split('\0')) {
    if (!texts.test(file) || file === 'package-lock.json') continue;
    const text = readIfThere(path.join(root, file));
    for (const [index, line] of (text ?? '').split('\n').entries()) {
      const found = note.exec(line)?.[0];
      if (found !== undefined)
        problems.push({ file, line: index + 1, message: `"${found}": finish it, or put it in the issue tracker` });
      for (const [mention] of prose.test(file) ? line.matchAll(climbing) : []) {
        if (outside(file, mention))
          problems.push({ file, line: index + 1, message: `"${mention}" is outside of the repository, which stands alone` });
      }
    }
  }
  return problems;
}

function outside(file: string, mention: string): boolean {
  return path.posix.join(path.posix.dirname(file), mention).startsWith('../');
}

/** A file may be deleted in the work tree and still be listed. */
function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
