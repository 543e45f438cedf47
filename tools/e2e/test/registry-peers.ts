import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Registry } from '@slipway/fixtures';

const startMs = 60_000;

/** Other programs that speak to a registry, each with stores of its own. */
export interface Peers extends AsyncDisposable {
  readonly folder: string;
  skopeo(command: 'inspect' | 'copy', ...args: string[]): Promise<string>;
  podman(...args: string[]): Promise<string>;
  ctr(...args: string[]): Promise<string>;
  umoci(...args: string[]): Promise<string>;
}

/** They trust the registry and may do there what its `auth` may. */
export async function startPeers(registry: Registry): Promise<Peers> {
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-e2e-peers-'));
  const certificates = path.join(folder, 'certs');
  mkdirSync(certificates);
  writeFileSync(path.join(certificates, 'ca.crt'), registry.ca ?? '');
  const { auth, ca } = registry;
  const user = auth && `${auth.user}:${auth.password}`;
  const skopeoOptions = (prefix: string): string[] => [
    ...(ca === undefined ? [`--${prefix}tls-verify=false`] : [`--${prefix}cert-dir`, certificates]),
    ...(user === undefined ? [] : [`--${prefix}creds`, user]),
  ];
  const stores = ['root', 'runroot', 'tmpdir'].flatMap((name) => [`--${name}`, path.join(folder, 'podman', name)]);
  const podmanBase = [...stores, '--storage-driver', 'vfs', '--cgroup-manager', 'cgroupfs', '--events-backend', 'none'];
  const podman = (...args: string[]): Promise<string> => output('podman', [...podmanBase, ...args]);
  const containerd = await startContainerd(path.join(folder, 'containerd'));
  const ctrOptions = [
    ...(ca === undefined ? ['--plain-http'] : ['--hosts-dir', hostsOf(folder, registry.address, certificates)]),
    ...(user === undefined ? [] : ['--user', user]),
  ];
  return {
    folder,
    skopeo: (command, ...args) => {
      const place = (name: string): string => (command === 'inspect' ? '' : name);
      const options = args.some((arg) => arg.startsWith('docker://'))
        ? args.flatMap((arg, index) =>
            arg.startsWith('docker://') ? skopeoOptions(place(index === args.length - 1 ? 'dest-' : 'src-')) : [],
          )
        : [];
      return output('skopeo', ['--insecure-policy', command, ...options, ...args]);
    },
    podman: (command = '', ...args) =>
      podman(command, ...(command === 'pull' || command === 'push' ? skopeoOptions('') : []), ...args),
    ctr: (command = '', ...args) => {
      const options = command === 'pull' || command === 'push' ? ctrOptions : [];
      return output('ctr', ['--address', containerd.socket, 'images', command, ...options, ...args]);
    },
    umoci: (...args) => output('umoci', args),
    [Symbol.asyncDispose]: async () => {
      await containerd[Symbol.asyncDispose]();
      await podman('system', 'reset', '--force');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startContainerd(folder: string): Promise<AsyncDisposable & { readonly socket: string }> {
  mkdirSync(folder, { recursive: true });
  const [socket, config] = [path.join(folder, 'sock'), path.join(folder, 'config.toml')];
  const lines = [
    'version = 2',
    `root = ${JSON.stringify(path.join(folder, 'root'))}`,
    `state = ${JSON.stringify(path.join(folder, 'state'))}`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    '[grpc]',
    `address = ${JSON.stringify(socket)}`,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  // It must not outlive a test that is killed.
  const daemon = spawn('setpriv', ['--pdeathsig', 'KILL', 'containerd', '--config', config], { stdio: 'ignore' });
  const exited = once(daemon, 'exit');
  for (let waited = 0; !existsSync(socket); waited += 20) {
    if (waited > startMs || daemon.exitCode !== null) throw new Error('containerd did not start');
    await sleep(20);
  }
  return {
    socket,
    [Symbol.asyncDispose]: async () => {
      daemon.kill('SIGTERM');
      await exited;
    },
  };
}

/** Without this ctr takes each registry on loopback for one of plain http. */
function hostsOf(folder: string, address: string, certificates: string): string {
  const hosts = path.join(folder, 'hosts');
  mkdirSync(path.join(hosts, address), { recursive: true });
  const lines = [`server = "https://${address}"`, `[host."https://${address}"]`, `ca = "${path.join(certificates, 'ca.crt')}"`];
  writeFileSync(path.join(hosts, address, 'hosts.toml'), `${lines.join('\n')}\n`);
  return hosts;
}

/** What it prints, to the byte. Not synchronous: the token server is in this process. */
function output(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${args.join(' ')}: ${stderr}`));
    });
  });
}
