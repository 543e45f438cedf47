import { execFile } from 'node:child_process';
import { existsSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { neutralize } from '@slipway/oci';
import { findBinary } from '@slipway/oci-runtime';
import { SlipwayError } from '@slipway/plugin-api';
import type { MachineSettings, TemplateFiles } from '../machine-settings.js';
import type { PlanStep } from '../plan.js';
import type { Vmm } from '../vmm.js';
import { type QemuProgram, qemuSteps } from './command-line.js';
import { cloneSteps, templateSteps } from './template-steps.js';

const run = promisify(execFile);
const versionLimitMs = 10_000;

/** qboot starts a kernel in a tenth of the time that SeaBIOS takes. */
const firmwarePlaces = ['/usr/share/qemu/qboot.rom', '/usr/share/qemu-kvm/qboot.rom', '/usr/local/share/qemu/qboot.rom'];

export class Qemu implements Vmm {
  private asked: Promise<string> | undefined;

  /** `binary` is a name or an absolute path: it is looked for when it is needed. Containers that are there can be ended without it. */
  constructor(private readonly wanted: QemuProgram) {}

  check(): void {
    this.program();
  }

  version(): Promise<string> {
    this.asked ??= this.askVersion().catch((error: unknown) => {
      this.asked = undefined;
      throw error;
    });
    return this.asked;
  }

  async identity(): Promise<string> {
    const { binary, machine, firmware = '' } = this.program();
    const file = realpathSync(binary);
    const { size, mtimeMs } = statSync(file);
    return [file, size, mtimeMs, await this.version(), machine, firmware].join(' ');
  }

  start(settings: MachineSettings, folder: string): readonly PlanStep[] {
    return qemuSteps(this.program(), settings, folder);
  }

  makeTemplate(settings: MachineSettings, files: TemplateFiles, folder: string): readonly PlanStep[] {
    return templateSteps(this.program(), settings, files, folder);
  }

  async clonesSealed(): Promise<boolean> {
    return opensMemoryReadOnly(await this.version());
  }

  clone(settings: MachineSettings, files: TemplateFiles, folder: string): readonly PlanStep[] {
    return cloneSteps(this.program(), settings, files, folder);
  }

  private async askVersion(): Promise<string> {
    const { binary } = this.program();
    try {
      const { stdout } = await run(binary, ['--version'], { timeout: versionLimitMs, killSignal: 'SIGKILL' });
      const number = /^QEMU emulator version (\d+(?:\.\d+)*)/m.exec(stdout)?.[1];
      if (number !== undefined) return `QEMU ${number}`;
      throw new Error(`"--version" printed ${JSON.stringify(neutralize(stdout.trim(), 80))}`);
    } catch (error) {
      throw broken(binary, error);
    }
  }

  private program(): QemuProgram {
    const binary = findBinary(this.wanted.binary);
    if (binary === undefined) throw missing(this.wanted.binary);
    return { ...this.wanted, binary, firmware: this.wanted.firmware ?? firmwarePlaces.find((file) => existsSync(file)) };
  }
}

/** `readonly=on,rom=off` of memory-backend-file came with QEMU 8.2: before, what is mapped privately was opened for writing, too. */
export function opensMemoryReadOnly(version: string): boolean {
  const [major = 0, minor = 0] = /\d+(?:\.\d+)*/.exec(version)?.[0].split('.').map(Number) ?? [];
  return major > 8 || (major === 8 && minor >= 2);
}

function missing(binary: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'VMM_MISSING',
    message: `virtual machines: ${JSON.stringify(binary)} was not found`,
    hint: 'install QEMU (Debian: apt-get install --no-install-recommends qemu-system-x86), or set qemu in [plugin.runtime-kata]',
    details: { binary },
  });
}

function broken(binary: string, cause: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'VMM_BROKEN',
    message: `${path.basename(binary)} at ${JSON.stringify(binary)} does not work: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: 'install it anew, or set qemu in [plugin.runtime-kata]',
    details: { binary },
    cause,
  });
}
