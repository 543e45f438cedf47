import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tempFolder } from './temp.ts';

it('flushes folders before they are recorded, and a whole tree before it is committed', () => {
  const root = tempFolder();
  const trace = join(root, 'trace');
  const child = join(import.meta.dirname, 'commit-child.ts');
  const strace = ['-f', '-y', '-o', trace, '-e', 'trace=fsync,syncfs,rename', process.execPath, child, root];
  // Node renames, too, what it keeps compiled.
  execFileSync('strace', strace, { env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' } });
  const calls = readFileSync(trace, 'utf8').split('\n');
  const kinds = calls.flatMap((line) => {
    // A call that another thread interrupts in the trace counts where it returns.
    if (line.includes('<unfinished')) return [];
    if (/rename.*= 0/.test(line)) return ['row'];
    if (/syncfs.*= 0/.test(line)) return ['tree'];
    return /fsync\(\d+<.*\/snapshots.*= 0|fsync resumed.*= 0/.test(line) ? ['folder'] : [];
  });
  // The first row reserves ids; the second is the active snapshot, the third the committed one.
  expect(kinds.filter((kind) => kind === 'row')).toHaveLength(3);
  const [, active, committed] = kinds.flatMap((kind, i) => (kind === 'row' ? [i] : [])) as [number, number, number];
  expect(kinds.slice(0, active).filter((kind) => kind === 'folder').length).toBeGreaterThanOrEqual(3);
  expect(kinds.slice(active, committed)).toContain('tree');
  expect(kinds.slice(committed)).toEqual(['row']);
});
