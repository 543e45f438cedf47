import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const startMs = 60_000;

export interface Containerd extends AsyncDisposable {
  /** ctr(8) as a client of it; what it prints. */
  ctr(...args: readonly string[]): string;
}

/** containerd with a store, a state and a socket of its own below a folder. */
export async function startContainerd(folder: string): Promise<Containerd> {
  mkdirSync(folder, { recursive: true });
  const [socket, config] = [path.join(folder, 'sock'), path.join(folder, 'config.toml')];
  writeFileSync(
    config,
    [
      'version = 2',
      `root = ${JSON.stringify(path.join(folder, 'root'))}`,
      `state = ${JSON.stringify(path.join(folder, 'state'))}`,
      'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
      '[grpc]',
      `address = ${JSON.stringify(socket)}`,
      '',
    ].join('\n'),
  );
  const daemon = spawn('containerd', ['--config', config], { stdio: 'ignore' });
  const exited = once(daemon, 'exit');
  for (let waited = 0; !existsSync(socket); waited += 20) {
    if (waited > startMs || daemon.exitCode !== null) throw new Error('containerd did not start');
    await sleep(20);
  }
  return {
    ctr: (...args) => execFileSync('ctr', ['--address', socket, ...args], { encoding: 'utf8' }),
    [Symbol.asyncDispose]: async () => {
      daemon.kill('SIGTERM');
      await exited;
    },
  };
}
