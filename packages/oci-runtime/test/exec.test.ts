import { readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectClean } from './expect-clean.ts';
import { Host } from './host.ts';

let host: Host;
beforeEach(() => {
  host = new Host();
});
afterEach(() => {
  using _ = host;
  expectClean(host);
});

const stdio = { stdin: 'null', stdout: 'null', stderr: 'null' } as const;

function execute(id: string, dieWithParent: boolean) {
  const process = { user: { uid: 0, gid: 0 }, args: ['true'], env: ['PATH=/bin'], cwd: '/' };
  return host.runtime.exec(id, { process, stdio, dieWithParent });
}

test('bug: the monitor of an executed process stayed where the next one swept its folder while it removed it', async () => {
  const container = await host.create(['sleep', '1000']);
  await container.start();
  const monitors = () => host.leftovers()['processes']?.filter((line) => line.includes('/exec/')).length;
  for (let round = 0; round < 20; round++) {
    const made = await Promise.all([execute(container.id, true), execute(container.id, false)]);
    for (const one of made) expect((await one.wait()).exitCode).toBe(0);
  }
  while (monitors() !== 0) await sleep(10);
  expect(readdirSync(path.join(host.dirs.state, 'containers', container.id, 'exec'))).toEqual([]);
  await host.runtime.delete(container.id);
});

test('the folder of an executed process whose monitor was killed is swept by the next one', async () => {
  const container = await host.create(['sleep', '1000']);
  await container.start();
  const folders = () => readdirSync(path.join(host.dirs.state, 'containers', container.id, 'exec'));
  const process = { user: { uid: 0, gid: 0 }, args: ['sleep', '1000'], env: ['PATH=/bin'], cwd: '/' };
  const made = await host.runtime.exec(container.id, { process, stdio, dieWithParent: true });
  const monitor = Number(
    host
      .leftovers()
      ['processes']?.find((line) => line.includes('slipway-monitor') && line.includes('/exec/'))
      ?.split(' ')[0],
  );
  linux.kill(monitor, 9);
  await expect(made.wait()).rejects.toMatchObject({ code: 'MONITOR_LOST' });
  const [abandoned = ''] = folders();
  await (await execute(container.id, false)).wait();
  expect(folders()).not.toContain(abandoned);
  await host.runtime.delete(container.id);
});
