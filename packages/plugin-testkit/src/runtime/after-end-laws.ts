import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import type { CreateRequest, RestartPolicy, RuntimeContainer, Supervision } from '@slipway/plugin-api';
import type { RuntimeBench } from './bench.js';
import type { RuntimeLaw } from './subject.js';

/** What cleans up after a container that nobody watches. */
export function afterEndLaws(law: RuntimeLaw): void {
  law('where nobody is there, what cleans up after the end runs once, with nothing of the container', async ({ bench }) => {
    const told = join(bench.root, 'after-end');
    const lock = join(bench.root, 'lock');
    await using held = await open(lock, 'w');
    assert.ok(linux.tryFlock(held.fd, 'exclusive'));
    const restart: RestartPolicy = { name: 'on-failure', maximumRetries: 2 };
    const container = await started(
      bench,
      'echo run; exit 3',
      { restart, log: { maxBytes: 4096, maxFiles: 1 }, afterEnd: telling(told, lock) },
      { keepOpen: [held.fd] },
    );
    await container[Symbol.asyncDispose]();
    await held.close();
    await bench.until(
      () => existsSync(told),
      () => `no ${told}`,
    );
    assert.equal(read(join(bench.root, 'kept', container.id, 'log')).match(/ stdout F run$/gm)?.length, 3);
    const namespaces = ['mnt', 'net', 'pid', 'ipc', 'uts', 'cgroup'].map((name) => readlinkSync(`/proc/self/ns/${name}`));
    assert.deepEqual(read(told).split('\n'), [
      '0 1 2 /dev/null /dev/null /dev/null',
      namespaces.join(' '),
      'folder /, session own, lock free',
      '',
    ]);
    assert.equal(read(`${told}.runs`), 'run\n');
  });

  law.ofMonitor(
    'what cleans up after the end does not run while its creator is there, nor where somebody deletes it',
    async (context) => {
      const { runtime, bench } = context;
      const told = join(bench.root, 'after-end');
      const supervision = { afterEnd: telling(told, '/dev/null') };
      const watched = await started(bench, 'exit 3', supervision);
      assert.equal((await watched.wait()).exitCode, 3);
      const running = await started(bench, 'exec sleep 1000', supervision);
      await running[Symbol.asyncDispose]();
      await runtime.delete(running.id);
      // One that was left to itself, and is told of later than the others would be.
      const last = await started(bench, 'exit 3', { afterEnd: telling(`${told}.last`, '/dev/null') });
      await last[Symbol.asyncDispose]();
      await bench.until(
        () => existsSync(`${told}.last`),
        () => `no ${told}.last`,
      );
      assert.ok(!existsSync(told));
    },
  );

  law.ofMonitor('what cannot run after the end does no harm', async ({ runtime, bench }) => {
    for (const args of [['/nowhere'], ['/bin/sh', '-c', 'exit 1']]) {
      const container = await started(bench, 'exit 3', { afterEnd: { args, env: [] } });
      await container[Symbol.asyncDispose]();
      assert.equal((await runtime.wait(container.id)).exitCode, 3);
      assert.equal((await runtime.state(container.id)).status, 'stopped');
    }
  });
}

async function started(
  bench: RuntimeBench,
  script: string,
  supervision: Omit<Supervision, 'directory'>,
  request: Partial<CreateRequest> = {},
): Promise<RuntimeContainer> {
  const id = bench.id();
  const directory = join(bench.root, 'kept', id);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return await bench.started(script, { id, request: { supervision: { directory, ...supervision }, ...request } });
}

/** Writes what it is into the file, whole. The shell itself opens descriptors from 10 on. */
function telling(file: string, lock: string): Supervision['afterEnd'] {
  const script = `
    echo run >>"$TOLD.runs"
    # No pipeline: the shell has its own end of one until it has begun the second command.
    ls /proc/$$/fd >"$TOLD.all"
    grep -v '^1.$' "$TOLD.all" >"$TOLD.fds"
    for fd in 0 1 2; do links="$links $(readlink /proc/$$/fd/$fd)"; done
    for name in mnt net pid ipc uts cgroup; do spaces="$spaces$(readlink /proc/$$/ns/$name) "; done
    [ "$(cut -d' ' -f6 /proc/$$/stat)" = $$ ] && session=own
    lock=$(flock -n ${lock} echo free)
    { echo $(cat "$TOLD.fds")$links; echo $spaces; echo "folder $(pwd), session $session, lock $lock"; } >"$TOLD.new"
    mv "$TOLD.new" "$TOLD"`;
  return { args: ['/bin/sh', '-c', script], env: [`TOLD=${file}`, 'PATH=/usr/bin:/bin'] };
}

/** Nothing where there is no file. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
