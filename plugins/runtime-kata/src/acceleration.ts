import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { accessSync, constants, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { neutralize } from '@slipway/oci';
import { hasCode, type Logger, SlipwayError } from '@slipway/plugin-api';
import * as v from 'valibot';
import type { GuestFiles } from './guest-files.js';
import { kernelArgs } from './kernel-args.js';
import type { Accel } from './machine-settings.js';
import { machineUser } from './machine-user.js';
import { encodePlan } from './plan.js';
import type { Vmm } from './vmm.js';

/** A machine with KVM boots in a second; one that hangs is known by then. */
const bootLimitMs = 10_000;
const probeMemoryMiB = 128;

const proofSchema = v.object({ key: v.string(), works: v.boolean(), reason: v.string() });

export interface Acceleration {
  readonly accel: Accel;
  /** The processor itself keeps the guest apart. Emulation is a program like any other. */
  readonly hardware: boolean;
  /** Why it is not kvm. */
  readonly reason: string | undefined;
}

export interface AccelerationSettings {
  readonly accel: 'auto' | Accel;
  readonly requireHardware: boolean;
  readonly firstUid: number;
  readonly shim: string;
  /** The plugin's state: what was found holds until the next boot of this host. */
  readonly folder: string;
}

/**
 * What machines run on. That /dev/kvm can be opened proves nothing: under some hypervisors a guest then hangs. KVM is used where a machine was booted with it as far as its agent, which is tried once
 * for each boot of the host, QEMU and guest. Errors: `failed-precondition` where kvm was asked for, or isolation by hardware, and this host has none.
 */
export async function findAcceleration(
  vmm: Vmm,
  guest: GuestFiles,
  settings: AccelerationSettings,
  log: Logger,
): Promise<Acceleration> {
  const found = settings.accel === 'tcg' ? 'accel is set to "tcg"' : await whyNotKvm(vmm, guest, settings, log);
  if (found === undefined) return { accel: 'kvm', hardware: true, reason: undefined };
  if (settings.requireHardware)
    throw unavailable('HARDWARE_ISOLATION_MISSING', 'isolation by hardware is required, and this host has none', found);
  if (settings.accel === 'kvm') throw unavailable('KVM_UNAVAILABLE', 'accel is "kvm", and KVM does not work on this host', found);
  return { accel: 'tcg', hardware: false, reason: found };
}

function unavailable(code: string, what: string, reason: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code,
    message: `virtual machines: ${what}: ${reason}`,
    hint: 'use a host with KVM (/dev/kvm), or change accel and require_hardware in [plugin.runtime-kata]: emulation is slow and no isolation by hardware',
  });
}

async function whyNotKvm(vmm: Vmm, guest: GuestFiles, settings: AccelerationSettings, log: Logger): Promise<string | undefined> {
  const closed = whyClosed();
  if (closed !== undefined) return closed;
  const key = await keyOf(vmm, guest, settings);
  const file = path.join(settings.folder, 'kvm.json');
  const known = readProof(file);
  if (known?.key === key) return known.works ? undefined : known.reason;
  const reason = await boot(vmm, guest, settings);
  log.info(reason === undefined ? 'a machine was booted with KVM' : 'no machine boots with KVM', { reason });
  writeProof(file, { key, works: reason === undefined, reason: reason ?? '' });
  return reason;
}

function whyClosed(): string | undefined {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    return hasCode(error, 'ENOENT') ? 'there is no /dev/kvm' : `/dev/kvm cannot be opened: ${String(error)}`;
  }
}

/** Whatever may change the answer. */
async function keyOf(vmm: Vmm, guest: GuestFiles, { shim }: AccelerationSettings): Promise<string> {
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const device = statSync('/dev/kvm');
  const { size, mtimeMs } = statSync(shim);
  const parts = [bootId, os.release(), device.mode, device.uid, device.gid, size, mtimeMs, guest.key, await vmm.identity()];
  return createHash('sha256').update(parts.join('\n')).digest('hex');
}

/** Undefined: it came as far as its agent. */
async function boot(vmm: Vmm, guest: GuestFiles, { shim, folder, firstUid }: AccelerationSettings): Promise<string | undefined> {
  const work = path.join(folder, `probe-${randomBytes(6).toString('hex')}`);
  mkdirSync(work, { mode: 0o700 });
  try {
    const machine = {
      name: 'slipway-probe',
      memoryMiB: probeMemoryMiB,
      cpus: 1,
      accel: 'kvm',
      kernel: guest.kernel,
      initrd: guest.initrd,
      kernelArgs: kernelArgs('kvm', []),
      disks: [],
      share: undefined,
      interfaces: [],
      user: await machineUser(path.join(folder, 'users'), work, firstUid, 'kvm'),
    } as const;
    const plan = path.join(work, 'vm.plan');
    const steps = [['boot-limit', String(bootLimitMs)] as const, ...vmm.start(machine, work), ['hello'] as const];
    writeFileSync(plan, encodePlan(steps), { mode: 0o600 });
    return await probe(shim, plan, work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function probe(shim: string, plan: string, cwd: string): Promise<string | undefined> {
  const options = {
    cwd,
    env: { PATH: process.env['PATH'] ?? '' },
    timeout: bootLimitMs + 10_000,
    killSignal: 'SIGKILL',
  } as const;
  return new Promise((resolve) => {
    execFile(shim, ['probe', plan], options, (error, _, stderr) => {
      if (error === null) resolve(undefined);
      else resolve(`a machine did not boot with it: ${neutralize(stderr.trim().split('\n').at(-1) ?? '', 400) || error.message}`);
    });
  });
}

function readProof(file: string): v.InferOutput<typeof proofSchema> | undefined {
  try {
    const parsed = v.safeParse(proofSchema, JSON.parse(readFileSync(file, 'utf8')));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Whole or not at all: others read it. */
function writeProof(file: string, proof: v.InferOutput<typeof proofSchema>): void {
  const fresh = `${file}.${randomBytes(4).toString('hex')}`;
  writeFileSync(fresh, JSON.stringify(proof), { mode: 0o600 });
  renameSync(fresh, file);
}
