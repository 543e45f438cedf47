import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { machineParts } from './parts.ts';
import { machinePlatform } from './platform.ts';

export interface BootOptions {
  /** An ext4 file system: it is mounted at /machine, read-only, and `sh /machine/start` is run. */
  readonly disk: string;
  readonly memoryMegabytes: number;
  /** Milliseconds after which the machine hangs. */
  readonly limitMs: number;
  readonly onLine?: (line: string) => void;
}

/**
 * Starts the machine, which has no network, and resolves with the lines that `start` printed when it has turned itself off. What it changed on its disks is gone.
 * Without hardware for virtual machines: it is to run in any CI. Rejects with the last of what the kernel and systemd said when it hangs or does not come up.
 */
export async function bootMachine({ disk, memoryMegabytes, limitMs, onLine }: BootOptions): Promise<readonly string[]> {
  const { emulator, machine, consoles } = machinePlatform();
  const { kernel, rootDisk } = machineParts();
  const folder = mkdtempSync(path.join(tmpdir(), 'slipway-machine-'));
  const log = path.join(folder, 'console');
  const settings = [
    ...['root=/dev/nvme0n1', 'rw', `console=${consoles[0]}`, 'net.ifnames=0', 'panic=-1', 'mitigations=off'],
    ...['systemd.unified_cgroup_hierarchy=1', 'systemd.unit=machine.service', 'systemd.show_status=no'],
  ];
  const args = [
    // One processor: two of them have to emulate what makes memory one, a fifth of all that they do.
    ...[...machine, '-accel', 'tcg', '-smp', '1', '-m', `${memoryMegabytes}`],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-nic', 'none'],
    ...['-kernel', kernel, '-append', settings.join(' ')],
    ...['-serial', `file:${log}`, '-serial', 'stdio'],
    // Namespaces of one controller: of two the kernel may find either first.
    ...['-device', 'nvme,id=disks,serial=disks'],
    ...['-drive', `file=${rootDisk},if=none,id=root,format=raw,snapshot=on`, '-device', 'nvme-ns,drive=root,bus=disks,nsid=1'],
    ...['-drive', `file=${disk},if=none,id=machine,format=raw,readonly=on`, '-device', 'nvme-ns,drive=machine,bus=disks,nsid=2'],
  ];
  // It must not outlive a test that is killed. Its copy of what is written goes to TMPDIR, without a name.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', emulator, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
  try {
    const lines: string[] = [];
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-4096);
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      onLine?.(line);
    });
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    const said = (): string => `${errors}\n${readFileSync(log, 'utf8').slice(-8192)}\n${lines.slice(-100).join('\n')}`;
    if (code !== 0)
      throw new Error(`the machine ended with ${signal === 'SIGKILL' ? `its limit of ${limitMs} ms` : code}:\n${said()}`);
    if (lines.length === 0) throw new Error(`the machine printed nothing:\n${said()}`);
    return lines;
  } finally {
    clearTimeout(timer);
    rmSync(folder, { recursive: true, force: true });
  }
}
