import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { type ExecProcess, type RuntimeContainer, SlipwayError, type Supervision } from '@slipway/plugin-api';
import { type OpenRuntime, runtimeLaws } from '@slipway/plugin-testkit';
import { describe, expect, it } from 'vitest';
import { broken, changed } from './broken-runtime.ts';
import { CollectingRunner } from './collecting-runner.ts';
import { openSubject as openImmortal } from './immortal-runtime.ts';

/** With containers of which one thing is broken. */
function brokenContainer(change: (sound: RuntimeContainer) => Partial<RuntimeContainer>): OpenRuntime {
  return broken((sound) => ({ create: async (request) => changed(await sound.create(request), change) }));
}

function brokenProcess(change: (sound: ExecProcess) => Partial<ExecProcess>): OpenRuntime {
  return broken((sound) => ({ exec: async (id, request) => changed(await sound.exec(id, request), change) }));
}

function withoutSupervision(key: keyof Supervision): OpenRuntime {
  return broken((sound) => ({
    create: (request) =>
      sound.create({ ...request, supervision: request.supervision && { ...request.supervision, [key]: undefined } }),
  }));
}

type AfterEnd = NonNullable<Supervision['afterEnd']>;

function withAfterEnd(change: (args: readonly string[]) => readonly string[]): OpenRuntime {
  return broken((sound) => ({
    create: (request) => {
      const { supervision } = request;
      if (supervision?.afterEnd === undefined) return sound.create(request);
      const afterEnd = { ...supervision.afterEnd, args: change(supervision.afterEnd.args) };
      return sound.create({ ...request, supervision: { ...supervision, afterEnd } });
    },
  }));
}

const afterEnds: AfterEnd[] = [];

function environmentOf(strings: readonly string[]): Record<string, string> {
  return Object.fromEntries(strings.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]));
}

/** All but the last bytes. */
function withoutEnd(bytes: number): Transform {
  let kept = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const all = Buffer.concat([kept, chunk]);
      kept = all.subarray(Math.max(0, all.length - bytes));
      done(null, all.subarray(0, all.length - kept.length));
    },
  });
}

const nothing = async () => undefined;

const faults: readonly (readonly [fault: string, law: string, open: OpenRuntime])[] = [
  [
    'the last bytes are swallowed',
    'the last bytes come, also to a reader that is slow',
    brokenContainer(({ stdout }) => ({ stdout: stdout?.pipe(withoutEnd(4)) })),
  ],
  [
    'stdout and stderr are confused',
    'stdin, stdout and stderr are separate',
    brokenContainer(({ stdout, stderr }) => ({ stdout: stderr, stderr: stdout })),
  ],
  [
    'a signal is an exit code',
    'a signal that ends the program',
    brokenContainer((sound) => ({ wait: async () => ({ ...(await sound.wait()), exitCode: (await sound.wait()).signal ?? 0 }) })),
  ],
  [
    'wait by the id says that all went well',
    'an exit code is exact, by the handle and by the id',
    broken((sound) => ({ wait: async (id) => ({ ...(await sound.wait(id)), exitCode: 0 }) })),
  ],
  [
    'wait cannot be given up',
    'to wait can be given up',
    broken((sound) => ({ wait: async (id) => await sound.stop(id, { signal: 9, graceMs: 0 }) })),
  ],
  [
    'the program runs when it is created',
    'create runs nothing of the user',
    broken((sound) => ({
      create: async (request) => {
        const container = await sound.create(request);
        await container.start();
        return container;
      },
    })),
  ],
  [
    'a lock is not kept',
    'a lock that is handed over is held',
    broken((sound) => ({ create: (request) => sound.create({ ...request, keepOpen: [] }) })),
  ],
  [
    'delete leaves a cgroup',
    'a container is started once',
    broken((sound) => ({
      delete: async (id) => {
        await sound.delete(id);
        mkdirSync(`/sys/fs/cgroup/${id.split('-')[0]}/${id}`, { recursive: true });
        mkdirSync(`/sys/fs/cgroup/pids/${id.split('-')[0]}/${id}`, { recursive: true });
      },
    })),
  ],
  [
    'delete of what is not there fails',
    'what is not there is not found, and deleting it is no error',
    broken((sound) => ({
      delete: async (id) => {
        await sound.state(id);
        await sound.delete(id);
      },
    })),
  ],
  [
    'state says that it is watched when it is not',
    'a container goes on without its monitor',
    broken((sound) => ({ state: async (id) => ({ ...(await sound.state(id)), supervised: true }) })),
  ],
  [
    'state says running of what has exited',
    'states are the same to everybody',
    broken((sound) => ({ state: async (id) => ({ ...(await sound.state(id)), status: 'running' }) })),
  ],
  [
    'state runs a command',
    'a state costs no command',
    broken((sound) => ({
      state: async (id) => {
        execFileSync('true');
        return await sound.state(id);
      },
    })),
  ],
  [
    'stop ignores the grace',
    'stop waits for the grace and not longer',
    broken((sound) => ({ stop: (id, request) => sound.stop(id, { ...request, graceMs: 0 }) })),
  ],
  [
    'stop does not ask',
    'stop gives the program the signal',
    broken((sound) => ({ stop: (id, request) => sound.stop(id, { ...request, signal: 9 }) })),
  ],
  [
    'a signal to all goes to the first one',
    'a signal goes to the first process, or to all',
    broken((sound) => ({ kill: (id, signal) => sound.kill(id, signal) })),
  ],
  [
    'an executed process never fails',
    'the exit code of an executed process is exact',
    brokenProcess((sound) => ({ wait: async () => ({ ...(await sound.wait()), exitCode: 0 }) })),
  ],
  [
    'processes are executed in the root folder',
    'user, environment, folder and terminal',
    broken((sound) => ({ exec: (id, request) => sound.exec(id, { ...request, process: { ...request.process, cwd: '/' } }) })),
  ],
  [
    'executed processes are not told',
    'executed processes end with the container',
    broken((sound) => ({ processes: async (id) => [(await sound.processes(id))[0] ?? 0] })),
  ],
  [
    'a missing command is an internal error',
    'what cannot be executed is told',
    broken((sound) => ({
      exec: (id, request) =>
        sound.exec(id, request).catch(() => {
          throw new SlipwayError({ kind: 'internal', code: 'X', message: 'x' });
        }),
    })),
  ],
  ['detaching does nothing', 'who detaches gets nothing more', brokenContainer(() => ({ detach: async () => undefined }))],
  [
    'who attaches does not hear of errors',
    'all who are attached get every byte',
    broken((sound) => ({ attach: (id, request) => sound.attach(id, { ...request, stderr: false }) })),
  ],
  ['pause does nothing', 'a paused container stands still', broken(() => ({ pause: nothing, resume: nothing }))],
  [
    'it can pause and says that it cannot',
    'pause is unimplemented',
    broken((sound) => ({ features: async () => ({ ...(await sound.features()), pause: false }) })),
  ],
  ['what was used never grows', 'its processes are told', broken(() => ({ processes: async () => [] }))],
  ['update does nothing', 'limits change while it runs', broken(() => ({ update: nothing }))],
  ['nothing is run again', 'a program that fails is run again', withoutSupervision('restart')],
  ['nothing is logged', 'what is written is logged', withoutSupervision('log')],
  ['nothing runs after the end', 'where nobody is there, what cleans up after the end runs once', withoutSupervision('afterEnd')],
  [
    'what cleans up has a descriptor too many',
    'where nobody is there, what cleans up after the end runs once',
    withAfterEnd(([, , script = '']) => ['/bin/sh', '-c', `exec 3</dev/zero; ${script}`]),
  ],
  [
    'what cleans up runs in another namespace',
    'where nobody is there, what cleans up after the end runs once',
    withAfterEnd((args) => ['/usr/bin/unshare', '--mount', ...args]),
  ],
  [
    'what cleans up runs whoever is there',
    'what cleans up after the end does not run while its creator is there',
    broken((sound) => ({
      delete: async (id) => {
        await sound.delete(id);
        for (const { args, env } of afterEnds) spawnSync(args[0] ?? '', args.slice(1), { env: environmentOf(env) });
      },
      create: (request) => {
        if (request.supervision?.afterEnd !== undefined) afterEnds.push(request.supervision.afterEnd);
        return sound.create(request);
      },
    })),
  ],
  ['nothing is written to the journal', 'what happens is written to the journal', withoutSupervision('events')],
];

describe('the law suite of runtimes fails', () => {
  for (const [fault, law, open] of faults) {
    it(`when ${fault}`, async () => {
      const runner = new CollectingRunner();
      await runtimeLaws(runner, open);
      expect(await runner.outcomeOf(law)).toMatchObject({ code: 'ERR_ASSERTION' });
    });
  }

  it('when the manifest and what is measured say different things of isolation', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'slipway-manifest-'));
    try {
      const manifest = pathToFileURL(path.join(folder, 'package.json'));
      const machine = { accel: 'tcg', hardware: false } as const;
      const ofMachines = broken((sound) => ({
        features: async () => ({ ...(await sound.features()), isolation: 'vm', machine }),
      }));
      const sound = broken(() => ({}));
      for (const [open, declares, holds] of [
        [sound, {}, true],
        [sound, { isolation: 'vm' }, false],
        [ofMachines, { isolation: 'vm' }, true],
        [ofMachines, {}, false],
      ] as const) {
        writeFileSync(manifest, JSON.stringify({ slipway: { declares } }));
        const runner = new CollectingRunner();
        await runtimeLaws(runner, open, { manifest });
        const outcome = await runner.outcomeOf('the manifest declares the isolation');
        if (holds) expect(outcome).toBeUndefined();
        else expect(outcome).toMatchObject({ code: 'ERR_ASSERTION' });
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('when containers outlive a creator that they were to die with', async () => {
    const runner = new CollectingRunner();
    await runtimeLaws(runner, openImmortal, { module: new URL('./immortal-runtime.ts', import.meta.url).href });
    expect(await runner.outcomeOf('a container that dies with its creator')).toMatchObject({ code: 'ERR_ASSERTION' });
  });
});
