import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { updateBundle } from '../../dist/bundle/index.js';

it('changes the limits in config.json and nothing else, not even a number that JavaScript does not have', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-update-'));
  try {
    const file = path.join(folder, 'config.json');
    const spec = (resources: string): string =>
      `{"process":{"rlimits":[{"type":"RLIMIT_NOFILE","soft":1024,"hard":18446744073709551615}]},"linux":{"resources":${resources},"cgroupsPath":"/x"}}`;
    const devices = '"devices":[{"allow":false}]';
    writeFileSync(file, spec(`{"memory":{"limit":1},${devices}}`));
    await updateBundle(folder, { pids: { limit: 5 } });
    expect(readFileSync(file, 'utf8')).toBe(spec(`{"pids":{"limit":5},${devices}}`));
    expect(readdirSync(folder)).toEqual(['config.json']);
    mkdirSync(path.join(folder, 'empty'));
    await updateBundle(path.join(folder, 'empty'), { pids: { limit: 5 } });
    await updateBundle(path.join(folder, 'none'), { pids: { limit: 5 } });
    expect(readdirSync(path.join(folder, 'empty'))).toEqual([]);
    writeFileSync(file, '{');
    await expect(updateBundle(folder, {})).rejects.toMatchObject({ kind: 'internal' });
    expect(readdirSync(folder).sort()).toEqual(['config.json', 'empty']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
