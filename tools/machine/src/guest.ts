import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { machinePlatform } from './platform.ts';

export interface GuestOptions {
  readonly kernel: string;
  readonly initrd: string;
  readonly memoryMegabytes?: number;
  /** Milliseconds after which the machine is ended. */
  readonly limitMs?: number;
  /** More of the kernel's settings. */
  readonly append?: string;
  /** More arguments of QEMU: disks, say. */
  readonly args?: readonly string[];
}

/** A small machine without firmware to speak of, as containers get one; emulated. It ends with its scope, and with this process. */
export interface Guest extends AsyncDisposable {
  /** The host's end of the virtio-serial port `agent`. */
  readonly port: Socket;
  /** What it has said so far. */
  readonly console: () => string;
  readonly ended: Promise<unknown>;
}

const settings = [
  ...['console=ttyS0', 'quiet', 'panic=-1', 'cryptomgr.notests', 'rodata=off', 'no_timer_check', 'ipv6.disable=1'],
  ...['audit=0', 'lsm=', '8250.nr_uarts=1', 'mitigations=off'],
];

export async function startGuest(options: GuestOptions): Promise<Guest> {
  const { kernel, initrd, memoryMegabytes = 192, limitMs = 300_000, append = '', args = [] } = options;
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-guest-'));
  const socket = path.join(folder, 'agent.sock');
  const server = createServer().listen(socket);
  await once(server, 'listening');
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const { emulator } = machinePlatform();
  const child = spawn(
    'setpriv',
    [
      ...[
        '--pdeathsig',
        'KILL',
        emulator,
        '-nodefaults',
        '-no-user-config',
        '-no-reboot',
        '-display',
        'none',
        '-serial',
        'stdio',
      ],
      ...['-machine', 'q35,usb=off,graphics=off', '-accel', 'tcg', '-cpu', 'max', '-m', `${memoryMegabytes}M`],
      ...[
        '-bios',
        '/usr/share/qemu/qboot.rom',
        '-kernel',
        kernel,
        '-initrd',
        initrd,
        '-append',
        `${settings.join(' ')} ${append}`,
      ],
      ...['-chardev', `socket,id=agent,path=${socket}`, '-device', 'virtio-serial-pci,id=serial'],
      ...['-device', 'virtserialport,bus=serial.0,chardev=agent,name=agent', ...args],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-65_536);
    });
  const ended = once(child, 'close');
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  const [port] = await Promise.race([connected, ended.then(() => Promise.reject(new Error(`QEMU ended: ${said}`)))]);
  // A machine that ends breaks the connection.
  port.on('error', () => {});
  return {
    port,
    ended,
    console: () => said,
    async [Symbol.asyncDispose]() {
      clearTimeout(timer);
      child.kill('SIGKILL');
      await ended;
      port.destroy();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
