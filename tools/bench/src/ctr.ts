import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Contender, patientCommand } from './contender.ts';
import { environment } from './measure.ts';

const START_MS = 20_000;
let execs = 0;

/** containerd with a store, a state and a socket of its own, and ctr as its client. */
export const ctr: Contender = {
  name: 'ctr',
  needs: ['ctr', 'containerd'],
  open: async (folder, image, cgroup) => {
    const socket = path.join(folder, 'sock');
    const config = path.join(folder, 'config.toml');
    writeFileSync(config, configuration(folder, socket));
    const [command = '', ...args] = cgroup.enter(['containerd', '--config', config]);
    const daemon = spawn(command, args, { env: environment, stdio: 'ignore' });
    const exited = once(daemon, 'exit');
    for (let waited = 0; !existsSync(socket); waited += 10) {
      if (waited > START_MS || daemon.exitCode !== null) throw new Error('containerd did not start');
      await sleep(10);
    }
    const base = ['ctr', '--address', socket];
    const pull = [...base, 'images', 'pull', '--plain-http', image];
    return {
      pull,
      pullAgain: pull,
      run: (id) => [...base, 'run', '--rm', image, id, 'true'],
      lasting: {
        start: (id) => [...base, 'run', '--detach', image, id, ...patientCommand],
        exec: (id) => [...base, 'tasks', 'exec', '--exec-id', `exec-${execs++}`, id, 'true'],
        // It has no command that waits for the end.
        stop: (id) => [
          '/bin/sh',
          '-c',
          '"$@" tasks kill "$0" && until "$@" tasks delete "$0" >/dev/null 2>&1; do :; done',
          id,
          ...base,
        ],
        remove: (id) => [...base, 'containers', 'delete', id],
      },
      [Symbol.asyncDispose]: async () => {
        daemon.kill('SIGTERM');
        await exited;
      },
    };
  },
};

function configuration(folder: string, socket: string): string {
  return [
    'version = 2',
    `root = ${JSON.stringify(path.join(folder, 'root'))}`,
    `state = ${JSON.stringify(path.join(folder, 'state'))}`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    '[grpc]',
    `address = ${JSON.stringify(socket)}`,
    '',
  ].join('\n');
}
