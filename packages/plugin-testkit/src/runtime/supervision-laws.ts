import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EventLine, RestartPolicy, StatusRecord, Supervision } from '@slipway/plugin-api';
import type { RuntimeBench } from './bench.js';
import type { RuntimeLaw } from './subject.js';

const MiB = 1024 * 1024;

/** What the monitor does on its own. */
export function supervisionLaws(law: RuntimeLaw): void {
  law('a program that fails is run again, as often as the policy says', async ({ runtime, bench }) => {
    const { id, directory } = await supervised(bench, 'echo run; exit 3', {
      restart: { name: 'on-failure', maximumRetries: 2 },
    });
    assert.equal((await runtime.wait(id)).exitCode, 3);
    const { status, restarts, exit } = await runtime.state(id);
    assert.deepEqual([status, restarts, exit?.exitCode, runs(directory)], ['stopped', 2, 3, 3]);
  });

  law.ofMonitor('a program that succeeds is run again only where the policy says always', async ({ runtime, bench }) => {
    const failing = await supervised(bench, 'echo run; exit 0', { restart: { name: 'on-failure' } });
    await runtime.wait(failing.id);
    assert.equal(runs(failing.directory), 1);
    const always = await supervised(bench, 'echo run; exit 0', { restart: { name: 'always' } });
    await bench.until(
      () => runs(always.directory) >= 3,
      () => runs(always.directory),
    );
    await runtime.stop(always.id, { signal: 15, graceMs: 0 });
    assert.equal((await runtime.state(always.id)).status, 'stopped');
  });

  law.ofMonitor('another restart policy holds for what runs', async ({ runtime, bench }) => {
    const script = 'trap "touch /tmp/end" USR1; echo run; until [ -e /tmp/end ]; do sleep 0.1; done; exit 3';
    const { id, directory } = await supervised(bench, script, {});
    await bench.until(
      () => runs(directory) === 1,
      () => runs(directory),
    );
    await runtime.setRestartPolicy(id, { name: 'on-failure', maximumRetries: 1 });
    await runtime.kill(id, 10);
    assert.equal((await runtime.wait(id)).exitCode, 3);
    assert.deepEqual([(await runtime.state(id)).restarts, runs(directory)], [1, 2]);
    await assert.rejects(runtime.setRestartPolicy(id, { name: 'always' }), { kind: 'not-found' });
    await assert.rejects(runtime.setRestartPolicy(`${id}-other`, { name: 'always' }), { kind: 'not-found' });
  });

  law.ofMonitor(
    'what is stopped or killed on request is not run again; what dies of another signal is',
    async ({ runtime, bench }) => {
      const restart: RestartPolicy = { name: 'always' };
      const kill = (id: string) => runtime.kill(id, 9);
      const killAll = (id: string) => runtime.kill(id, 9, { all: true });
      const stop = (id: string) => runtime.stop(id, { signal: 15, graceMs: 0 });
      for (const end of bench.some<(id: string) => Promise<unknown>>([kill, killAll, stop], [killAll, stop])) {
        const { id } = await supervised(bench, 'exec sleep 1000', { restart });
        await end(id);
        assert.equal((await runtime.wait(id)).exitCode, 137);
        assert.equal((await runtime.state(id)).restarts, 0);
      }
      const { id, pid, directory } = await supervised(bench, 'trap "exit 1" TERM; echo run; while :; do sleep 0.1; done', {
        restart,
      });
      await bench.until(
        () => runs(directory) === 1,
        () => runs(directory),
      );
      await runtime.kill(id, 15);
      await bench.until(
        () => runs(directory) === 2,
        () => runs(directory),
      );
      await bench.until(
        async () => (await runtime.state(id)).status === 'running',
        async () => (await runtime.state(id)).status,
      );
      assert.notEqual((await runtime.state(id)).pid, pid);
      assert.equal((await runtime.state(id)).restarts, 1);
    },
  );

  law.ofMonitor('the record says what state says, in the folder that survives', async ({ runtime, bench }) => {
    const { id, directory, pid } = await supervised(bench, 'sleep 1000', {});
    const record = () => JSON.parse(readFileSync(join(directory, 'status.json'), 'utf8')) as StatusRecord;
    assert.deepEqual([record().status, record().process?.pid], ['running', pid]);
    await runtime.kill(id, 9);
    const status = await runtime.wait(id);
    assert.deepEqual([record().status, record().process, record().exit?.exitCode], ['exited', undefined, 137]);
    assert.equal(record().exit?.exitedAt, status.exitedAt);
    await runtime.delete(id);
    assert.ok(readdirSync(directory).includes('status.json'));
  });

  law.ofMonitor('what is written is logged, each stream by its name, and the files are bounded', async ({ runtime, bench }) => {
    const small = { maxBytes: 4096, maxFiles: 2 };
    const { id, directory } = await supervised(bench, 'echo out; echo err >&2; printf unended', {
      log: { maxBytes: MiB, maxFiles: 1 },
    });
    await runtime.wait(id);
    const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z`;
    const lines = read(join(directory, 'log')).split('\n').sort();
    for (const rest of ['stdout F out', 'stderr F err', 'stdout P unended'])
      assert.ok(
        lines.some((line) => new RegExp(`^${time} ${rest}$`).test(line)),
        `${rest} in ${JSON.stringify(lines)}`,
      );
    const long = await supervised(bench, 'yes 0123456789 | head -n 2000', { log: small });
    await runtime.wait(long.id);
    const files = readdirSync(long.directory).filter((name) => name.startsWith('log'));
    assert.deepEqual(files.sort(), ['log', 'log.1']);
    for (const file of files) assert.ok(readFileSync(join(long.directory, file)).length <= small.maxBytes, file);
  });

  law.ofMonitor('what happens is written to the journal', async ({ runtime, bench }) => {
    const events = join(bench.root, 'journal');
    const { id } = await supervised(bench, 'exit 4', { events });
    await runtime.wait(id);
    const lines = read(events)
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as EventLine);
    assert.deepEqual(
      lines.map((line) => [line.type, line.action, line.id]),
      [
        ['container', 'start', id],
        ['container', 'die', id],
      ],
    );
    assert.equal(lines[1]?.attributes['exitCode'], '4');
  });

  law('a probe says whether it is healthy', async ({ runtime, bench, features }) => {
    if (!features.exec) return;
    const probe = { intervalMs: 50, timeoutMs: 5_000, startPeriodMs: 0, startIntervalMs: 50, retries: 2 };
    const args = ['sh', '-c', 'echo looked; test ! -e /sick'];
    const { id } = await supervised(bench, 'sleep 1000', { health: { ...probe, args } });
    const health = async () => (await runtime.state(id)).health;
    await bench.until(
      async () => (await health())?.status === 'healthy',
      async () => JSON.stringify(await health()),
    );
    assert.deepEqual([(await health())?.last?.exitCode, (await health())?.last?.output], [0, 'looked\n']);
    await bench.execute(id, 'touch /sick');
    await bench.until(
      async () => (await health())?.status === 'unhealthy',
      async () => JSON.stringify(await health()),
    );
    assert.equal((await health())?.last?.exitCode, 1);
  });

  law('a process that the kernel kills for lack of memory is noted', async ({ runtime, bench }) => {
    const resources = { memory: { limit: 64 * MiB, swap: 64 * MiB } };
    const { id } = await supervised(bench, 'dd if=/dev/zero of=/dev/null bs=100M count=1 2>/dev/null; exit 5', {}, { resources });
    const status = await runtime.wait(id);
    assert.deepEqual([status.exitCode, status.oomKilled], [5, true]);
    assert.equal((await runtime.state(id)).exit?.oomKilled, true);
  });
}

async function supervised(
  bench: RuntimeBench,
  script: string,
  supervision: Omit<Supervision, 'directory'>,
  wish: { readonly resources?: object } = {},
): Promise<{ readonly id: string; readonly pid: number; readonly directory: string }> {
  const id = bench.id();
  const directory = join(bench.root, 'kept', id);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const log = { maxBytes: MiB, maxFiles: 1 };
  const { pid } = await bench.started(script, { id, ...wish, request: { supervision: { directory, log, ...supervision } } });
  return { id, pid, directory };
}

/** How often its program has said so. */
function runs(directory: string): number {
  return read(join(directory, 'log')).match(/ stdout F run$/gm)?.length ?? 0;
}

/** Nothing where there is no file. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
