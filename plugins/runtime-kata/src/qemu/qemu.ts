import { execFile } from 'node:child_process';
import { existsSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { neutralize } from '@slipway/oci';
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

export interface QemuChoice {
  readonly binary: string;
  readonly machine: string;
  readonly firmware: string | undefined;
}

export class Qemu implements Vmm {
  private readonly program: QemuProgram;
  private asked: Promise<string> | undefined;

  constructor(choice: QemuChoice) {
    // It knows the machines of this processor alone.
    const usual = process.arch === 'x64' ? firmwarePlaces.find((file) => existsSync(file)) : undefined;
    this.program = { ...choice, firmware: choice.firmware ?? usual };
  }

  version(): Promise<string> {
    this.asked ??= askVersion(this.program.binary).catch((error: unknown) => {
      this.asked = undefined;
      throw error;
    });
    return this.asked;
  }

  async identity(): Promise<string> {
    const binary = realpathSync(this.program.binary);
    const { size, mtimeMs } = statSync(binary);
    return [binary, size, mtimeMs, await this.version(), this.program.machine, this.program.firmware ?? ''].join(' ');
  }

  start(settings: MachineSettings, folder: string): readonly PlanStep[] {
    return qemuSteps(this.program, settings, folder);
  }

  makeTemplate(settings: MachineSettings, files: TemplateFiles, folder: string): readonly PlanStep[] {
    return templateSteps(this.program, settings, files, folder);
  }

  clone(settings: MachineSettings, files: TemplateFiles, folder: string): readonly PlanStep[] {
    return cloneSteps(this.program, settings, files, folder);
  }
}

async function askVersion(binary: string): Promise<string> {
  try {
    const { stdout } = await run(binary, ['--version'], { timeout: versionLimitMs, killSignal: 'SIGKILL' });
    const number = /^QEMU emulator version (\d+(?:\.\d+)*)/m.exec(stdout)?.[1];
    if (number !== undefined) return `QEMU ${number}`;
    throw new Error(`"--version" printed ${JSON.stringify(neutralize(stdout.trim(), 80))}`);
  } catch (error) {
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'VMM_BROKEN',
      message: `${path.basename(binary)} at ${JSON.stringify(binary)} does not work: ${error instanceof Error ? error.message : String(error)}`,
      hint: 'install it anew, or set qemu in [plugin.runtime-kata]',
      details: { binary },
      cause: error,
    });
  }
}
