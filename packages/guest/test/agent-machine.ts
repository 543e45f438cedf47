import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import path from 'node:path';
import { guestImage } from '@slipway/guest';
import { AgentClient } from '@slipway/kata-agent';
import { cloudKernel } from '@slipway/machine';
import { cpioArchive, cpioFile } from '../dist/image/cpio.js';
import { readCpio } from './cpio-entries.js';

/** What machines of a test file have in common: made once. */
export interface Parts {
  readonly kernel: string;
  readonly initrd: string;
  /** An EROFS image of busybox, and behind it the hash tree that it is checked with. */
  readonly layer: string;
  readonly verity: { readonly roothash: string; readonly hashoffset: number; readonly salt: string };
}

const modulesList = 'etc/modules.slipway';

const applets = [
  'sh',
  'cat',
  'date',
  'dd',
  'echo',
  'grep',
  'id',
  'ip',
  'ls',
  'ping',
  'ps',
  'sleep',
  'stty',
  'tail',
  'touch',
  'tty',
  'wc',
];

export async function makeParts(folder: string): Promise<Parts> {
  const { kernel, modules } = cloudKernel();
  const image = await guestImage(path.join(folder, 'images'), { kernel, modules });
  const tree = path.join(folder, 'tree');
  for (const name of ['bin', 'dev', 'proc', 'sys', 'tmp', 'etc']) mkdirSync(path.join(tree, name), { recursive: true });
  execFileSync('cp', ['/bin/busybox', path.join(tree, 'bin/busybox')]);
  for (const name of applets) execFileSync('ln', ['-s', 'busybox', path.join(tree, 'bin', name)]);
  const layer = path.join(folder, 'layer.erofs');
  execFileSync('mkfs.erofs', ['--quiet', layer, tree], { stdio: 'ignore' });
  const [hashoffset, salt] = [statSync(layer).size, '00ff'.repeat(16)];
  const options = [`--hash-offset=${hashoffset}`, `--salt=${salt}`];
  const said = execFileSync('veritysetup', ['format', layer, layer, ...options], { encoding: 'utf8' });
  const roothash = /Root hash:\s*([0-9a-f]{64})/.exec(said)?.[1] ?? '';
  return { kernel: image.kernel, initrd: image.initrd, layer, verity: { roothash, hashoffset, salt } };
}

/** A machine of one layer (serial `l0`) and an empty disk to write to (`upper`), and the connection to its agent. */
export class Machine implements AsyncDisposable {
  readonly agent: AgentClient;
  readonly #qemu: ChildProcess;
  readonly #folder: string;
  readonly #exited: Promise<unknown>;

  private constructor(folder: string, qemu: ChildProcess, socket: Socket) {
    this.#folder = folder;
    this.#qemu = qemu;
    this.#exited = once(qemu, 'exit');
    this.agent = AgentClient.over(socket);
    socket.resume();
  }

  static async boot(parts: Parts, folder: string, more: readonly string[] = []): Promise<Machine> {
    mkdirSync(folder);
    const upper = emptyDisk(folder);
    const server = createServer().listen(path.join(folder, 'agent.sock'));
    await once(server, 'listening');
    const qemu = spawn('qemu-system-x86_64', [...argumentsOf(parts, folder, upper), ...more], { stdio: 'inherit' });
    const [socket] = (await once(server, 'connection')) as [Socket];
    server.close();
    await greeting(socket);
    return new Machine(folder, qemu, socket);
  }

  console(): string {
    const file = path.join(this.#folder, 'console');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  isRunning(): boolean {
    return this.#qemu.exitCode === null && this.#qemu.signalCode === null;
  }

  /** Resolves when the machine has switched itself off. */
  async ended(): Promise<void> {
    await this.#exited;
  }

  /** As when the host dies. */
  hangUp(): void {
    this.agent[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.agent[Symbol.dispose]();
    if (this.isRunning()) {
      this.#qemu.kill('SIGKILL');
      await this.#exited;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The same with an initial file system without the modules of dm-verity: the kernel takes the later one of two archives. */
export function withoutVerity(parts: Parts, folder: string): Parts {
  const archive = readFileSync(parts.initrd);
  const list = readCpio(archive).find(({ name }) => name === modulesList);
  if (list === undefined) throw new Error(`${parts.initrd} has no ${modulesList}`);
  const lines = list.content.toString().split('\n');
  const others = lines.filter((line) => !line.startsWith('verity ')).join('\n');
  if (others.length === list.content.length) throw new Error('it has no modules of dm-verity');
  const initrd = path.join(folder, 'without-verity');
  writeFileSync(initrd, Buffer.concat([archive, cpioArchive([cpioFile(modulesList, Buffer.from(others))])]));
  return { ...parts, initrd };
}

/** What is on the console of a machine that has no port to its host, when it has ended. */
export async function bootWithoutPort(parts: Parts, folder: string): Promise<string> {
  mkdirSync(folder);
  const channel = path.join(folder, 'agent.sock');
  const server = createServer((socket) => socket.resume()).listen(channel);
  await once(server, 'listening');
  const all = argumentsOf(parts, folder, emptyDisk(folder)).map((argument) => argument.replace('name=agent', 'name=other'));
  await once(spawn('qemu-system-x86_64', all, { stdio: 'inherit' }), 'exit');
  server.close();
  return readFileSync(path.join(folder, 'console'), 'utf8');
}

function emptyDisk(folder: string): string {
  const disk = path.join(folder, 'upper.ext4');
  writeFileSync(disk, '');
  truncateSync(disk, 64 << 20);
  execFileSync('mkfs.ext4', ['-q', disk], { env: { PATH: '/usr/sbin:/sbin:/usr/bin:/bin' } });
  return disk;
}

/** The frame that says that the port is open: what was sent before may be lost. */
async function greeting(socket: Socket): Promise<void> {
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.pause();
  socket.removeAllListeners('data');
  if (!chunk.equals(Buffer.from('00000000000000000200', 'hex'))) throw new Error(`the agent began with ${chunk.toString('hex')}`);
}

function argumentsOf({ kernel, initrd, layer }: Parts, folder: string, upper: string): readonly string[] {
  const append =
    'console=ttyS0 quiet panic=-1 cryptomgr.notests rodata=off no_timer_check audit=0 lsm= 8250.nr_uarts=1 mitigations=off';
  const disk = (id: string, file: string, more: string): readonly string[] => [
    ...['-drive', `if=none,id=${id},file=${file},format=raw,file.locking=off${more}`],
    ...['-device', `virtio-blk-pci,drive=${id},serial=${id}`],
  ];
  return [
    ...['-accel', 'tcg', '-M', 'q35', '-bios', '/usr/share/qemu/qboot.rom', '-m', '256', '-nodefaults', '-no-user-config'],
    ...['-display', 'none', '-no-reboot', '-kernel', kernel, '-initrd', initrd, '-append', append],
    ...['-serial', `file:${path.join(folder, 'console')}`],
    ...['-chardev', `socket,id=agent,path=${path.join(folder, 'agent.sock')}`],
    ...['-device', 'virtio-serial-pci,id=serial', '-device', 'virtserialport,bus=serial.0,chardev=agent,name=agent'],
    ...disk('l0', layer, ',readonly=on'),
    ...disk('upper', upper, ''),
  ];
}
