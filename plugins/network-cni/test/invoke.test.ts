import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { invoke } from '../src/cni/invoke.js';

const folder = mkdtempSync(path.join(tmpdir(), 'slipway-invoke-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Processes of a group that have not ended, those that are ending included. */
function livingOf(group: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const [state, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return processGroup === group && state !== 'Z' && state !== 'X';
    } catch {
      return false;
    }
  });
}

it('bug: what a canceled plugin had started was still at work when what it had made was taken back', async () => {
  const began = path.join(folder, 'began');
  const plugin = path.join(folder, 'large');
  // What has much memory takes its time to end.
  writeFileSync(
    plugin,
    `#!/bin/sh\ncat /dev/zero | tail -c 300000000 &\necho $! $$ >${began}.new; mv ${began}.new ${began}; sleep 1000\n`,
  );
  chmodSync(plugin, 0o755);
  const abort = new AbortController();
  const call = invoke({ command: 'ADD', program: plugin, folders: [], input: {}, signal: abort.signal });
  const ended = call.then(
    () => undefined,
    (error: unknown) => error,
  );
  while (!existsSync(began)) await sleep(5);
  const [large = '', group = ''] = readFileSync(began, 'utf8').trim().split(' ');
  while (residentOf(large) < 250_000) await sleep(5);
  abort.abort();
  expect(await ended).toMatchObject({ kind: 'canceled' });
  expect(livingOf(group)).toEqual([]);
});

/** KiB. */
function residentOf(pid: string): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
}
