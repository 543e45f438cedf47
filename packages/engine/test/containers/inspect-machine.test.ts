import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { RuntimeState } from '@slipway/plugin-api';
import { expect, test } from 'vitest';
import { inspectContainer } from '../../dist/containers/inspect.js';
import { containerNamesTable, containersTable } from '../../dist/metadata/containers.js';
import { rowKey } from '../../dist/metadata/rows.js';
import { fakeParts } from '../parts.ts';
import { containerRow } from './row.ts';

const id = 'a'.repeat(64);
const machine = { accel: 'tcg', hardware: false, memoryMiB: 160, cpus: 2 } as const;

async function inspected(state: Partial<RuntimeState>) {
  using parts = fakeParts();
  await parts.metadata.write((tx) => {
    tx.put(containersTable, rowKey(id), containerRow({ name: 'web' }));
    tx.put(containerNamesTable, rowKey('web'), id);
  });
  const operations = path.join(parts.settings.state, 'ops');
  mkdirSync(operations, { recursive: true });
  writeFileSync(path.join(operations, `run-${id}`), '');
  const runtime = { state: async () => ({ id, status: 'running', supervised: true, pid: 5, ...state }) };
  Object.assign(parts, { runtimes: { ids: ['runc'], declares: () => ({}), get: async () => runtime } });
  return await inspectContainer(parts, id);
}

test('a container in a machine says which one: what it has, and whether it is kept apart by hardware', async () => {
  expect(await inspected({ machine })).toMatchObject({ id, name: 'web', status: 'running', machine });
});

test('one that has ended has none, and neither has a process of the host', async () => {
  expect('machine' in (await inspected({ machine, status: 'stopped' }))).toBe(false);
  expect('machine' in (await inspected({}))).toBe(false);
});
