import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { assertBytes } from '../assert-bytes.js';
import { expectKind } from '../expect-kind.js';
import { outcomeOf } from './bench.js';
import { bytesOf, feed, Listener } from './bytes.js';
import { badCommands } from './creation-laws.js';
import { leftoversOf } from './leftovers.js';
import type { RuntimeLaw } from './subject.js';

const pipes = { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' } as const;

/** Further processes in a container. */
export function execLaws(law: RuntimeLaw, has: { readonly exec: boolean; readonly pause: boolean }): void {
  if (!has.exec) {
    law('exec is unimplemented', async ({ bench }) => {
      const { id } = await bench.started('sleep 1000');
      await expectKind(bench.exec(id, 'true'), 'unimplemented');
    });
    return;
  }

  law('the exit code of an executed process is exact', async ({ bench }) => {
    const { id } = await bench.started('sleep 1000');
    for (const code of [0, 1, 127, 137, 255]) {
      const { status } = await bench.execute(id, `exit ${code}`);
      assert.deepEqual([status.exitCode, status.signal], [code, undefined]);
    }
    const made = await bench.exec(id, 'echo ready; sleep 1000');
    await new Listener(made.stdout).until('ready');
    made.stderr?.resume();
    await made.kill(9);
    assert.deepEqual([(await made.wait()).exitCode, (await made.wait()).signal], [137, 9]);
    await expectKind(made.kill(9), 'not-found');
  });

  law('the streams of an executed process are separate and byte-exact, also at once with others', async ({ bench }) => {
    const { id } = await bench.started('sleep 1000');
    const data = randomBytes(2 * 1024 * 1024);
    const through = async (script: string) => {
      const made = await bench.exec(id, script, { stdio: pipes });
      const read = Promise.all([bytesOf(made.stdout), bytesOf(made.stderr)]);
      await feed(made.stdin, data);
      const [stdout, stderr] = await read;
      assert.equal((await made.wait()).exitCode, 0);
      return { stdout, stderr };
    };
    const [out, err] = await Promise.all([through('cat'), through('cat >&2')]);
    assertBytes(out.stdout, data);
    assertBytes(err.stderr, data);
    assert.equal(out.stderr.length + err.stdout.length, 0);
    const { stdout } = await bench.execute(id, 'head -c 300000 /dev/zero; printf last');
    assert.equal(stdout.slice(-4), 'last');
    assert.equal(stdout.length, 300_004);
  });

  law('user, environment, folder and terminal of an executed process are as asked for', async ({ bench }) => {
    const { id } = await bench.started('sleep 1000');
    const process = { user: { uid: 1000, gid: 1001 }, env: ['PATH=/bin', 'WORD=of mine'], cwd: '/tmp' };
    const { stdout } = await bench.execute(id, 'echo "$WORD"; pwd; id -u; id -g', { process });
    assert.equal(stdout, 'of mine\n/tmp\n1000\n1001\n');
    const terminal = { columns: 91, rows: 33 };
    // crun 1.8 gives the terminal its size while the program begins.
    const sized = 'while [ "$(stty size)" = "0 0" ]; do sleep 0.1; done; stty size';
    const made = await bench.exec(id, `${sized}; read line; stty size`, { stdio: { ...pipes, terminal } });
    const screen = new Listener(made.stdout);
    await screen.until('33 91');
    await made.resize({ columns: 120, rows: 40 });
    made.stdin?.write('\n');
    await screen.until('40 120');
    assert.equal((await made.wait()).exitCode, 0);
  });

  law('what cannot be executed is told, and leaves nothing', async ({ bench, runtime }) => {
    const { id } = await bench.started('sleep 1000');
    for (const [command, kind, code] of badCommands) await assert.rejects(bench.exec(id, [command]), { kind, code }, command);
    await expectKind(bench.exec(id, 'true', { process: { cwd: '/nope' } }), 'invalid-argument');
    await bench.until(
      async () => (await runtime.processes(id)).length === 1,
      () => runtime.processes(id),
    );
  });

  law('only a running container executes', async ({ runtime, bench, features }) => {
    const container = await bench.create('sleep 1000');
    await expectKind(bench.exec(container.id, 'true'), 'failed-precondition');
    await container.start();
    if (features.pause) {
      await runtime.pause(container.id);
      await expectKind(bench.exec(container.id, 'true'), 'failed-precondition');
      await runtime.resume(container.id);
    }
    assert.equal((await bench.execute(container.id, 'exit 0')).status.exitCode, 0);
    await runtime.kill(container.id, 9);
    await runtime.wait(container.id);
    await expectKind(bench.exec(container.id, 'true'), 'failed-precondition');
  });

  law('executed processes end with the container, and are among its processes before', async ({ runtime, bench }) => {
    for (const namespaces of new Set([undefined, bench.hostPids])) {
      const { id, pid } = await bench.started('sleep 1000', { namespaces });
      const made = await bench.exec(id, 'sleep 1000', { request: { dieWithParent: false } });
      const outcome = outcomeOf(made);
      const pids = await runtime.processes(id);
      assert.ok(pids.includes(pid) && pids.includes(made.pid), `found ${pids}, expected ${pid} and ${made.pid}`);
      await runtime.kill(id, 9);
      await runtime.wait(id);
      assert.equal((await outcome).status.exitCode, 137);
      await bench.until(
        () => leftoversOf(bench).processes.length === 0,
        () => JSON.stringify(leftoversOf(bench).processes),
      );
    }
  });

  law('a container is deleted with its executed processes', async ({ runtime, bench, open }) => {
    const { instance: other } = await open();
    const { id } = await bench.started('sleep 1000');
    const made = await bench.exec(id, 'sleep 1000', { request: { dieWithParent: false } });
    const outcome = outcomeOf(made);
    await other.delete(id);
    assert.equal((await outcome).status.exitCode, 137);
    await expectKind(runtime.state(id), 'not-found');
  });

  law('an execution that is given up is canceled and leaves no process', async ({ runtime, bench }) => {
    const { id } = await bench.started('sleep 1000');
    for (const afterMs of [0, 3, 8, 14]) {
      const controller = new AbortController();
      const timer = setTimeout(() => controller.abort(), afterMs);
      const made = await bench
        .exec(id, 'sleep 1000', { request: { signal: controller.signal } })
        .catch((error: unknown) => error);
      clearTimeout(timer);
      if (made instanceof Error) {
        await expectKind(Promise.reject(made), 'canceled');
      } else {
        await (made as { kill(signal: number): Promise<void> }).kill(9);
      }
      await bench.until(
        async () => (await runtime.processes(id)).length === 1,
        () => runtime.processes(id),
      );
    }
  });

  law('who detaches from an executed process gets nothing more, and it goes on', async ({ runtime, bench }) => {
    const { id } = await bench.started('sleep 1000');
    const script = 'echo first; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo second; touch /tmp/done; exec sleep 1000';
    const made = await bench.exec(id, script, { request: { dieWithParent: false } });
    const listener = new Listener(made.stdout);
    await listener.until('first');
    await made.detach();
    await bench.execute(id, 'touch /tmp/go');
    await bench.until(
      () => bench.has(id, 'done'),
      () => 'a program that does not go on',
    );
    assert.equal(listener.text, 'first\n');
    assert.ok((await runtime.processes(id)).includes(made.pid));
  });
}
