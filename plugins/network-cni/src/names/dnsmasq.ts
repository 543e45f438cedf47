import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode, SlipwayError } from '@slipway/plugin-api';
import type { CommandResult } from '../command.js';
import { needTool, runTool, toolFailed } from '../firewall/run-tool.js';

/** A dnsmasq of ours is known by the file that it was told to write its number into: that name is in its arguments, and in those of no other process. */
const pidArgument = (pidFile: string): string => `--pid-file=${pidFile}`;

/** Where a resolver sees its folder, in a mount namespace of its own: it is no longer root by then, and the folder's own path is closed to others. */
export const folderInside = '/mnt';

export interface ShownFolder {
  readonly path: string;
  readonly inside: string;
}

const showAll =
  'while [ "$1" != -- ]; do mount --bind -- "$1" "$2" && mount -o remount,bind,ro,nosuid,nodev,noexec -- "$2" || exit; shift 2; done; shift; exec "$@"';

export interface DnsmasqSettings {
  readonly pidFile: string;
  /** On which it listens, with UDP and TCP; of this host. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** Shown to it, in this order; the first at {@link folderInside}, others below. */
  readonly folders?: readonly ShownFolder[] | undefined;
  readonly args: readonly string[];
}

/** It returns when the resolver listens. It is in the background then, without root's rights, and nobody's child. Errors: `failed-precondition` (not installed, the address is taken). */
export async function startDnsmasq(
  what: string,
  { pidFile, addresses, port, folders = [], args }: DnsmasqSettings,
): Promise<void> {
  const program = needTool(what, 'dnsmasq');
  const all = [
    // Whatever the host's own dnsmasq is to do is not for this one.
    '--conf-file=/dev/null',
    '--no-hosts',
    '--bind-interfaces',
    '--except-interface=lo',
    ...addresses.map((address) => `--listen-address=${address}`),
    `--port=${port}`,
    '--user=nobody',
    pidArgument(pidFile),
    ...args,
  ];
  const start = (): Promise<CommandResult> =>
    folders.length === 0
      ? runTool(what, 'dnsmasq', all)
      : runTool(what, 'unshare', [
          '--mount',
          '--propagation=slave',
          '/bin/sh',
          '-c',
          showAll,
          'sh',
          ...folders.flatMap((folder) => [folder.path, folder.inside]),
          '--',
          program,
          ...all,
        ]);
  let result = await start();
  for (let tries = 1; tries < maxStarts && hasLostAnInterface(result); tries++) {
    await sleep(tries * 5);
    result = await start();
  }
  if (isTaken(result) && (await isStartedByAnother(pidFile))) return;
  // What another was starting may have come to nothing.
  if (isTaken(result)) result = await start();
  if (result.code === 0) return;
  if (!isTaken(result)) throw toolFailed(what, 'dnsmasq', result);
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'NETWORK_RESOLVER_ADDRESS_TAKEN',
    message: `${what}: another program answers on port ${port} of ${addresses.join(', ')}`,
    hint: `see which one (ss -lnp 'sport = :${port}'), and let it listen on addresses of its own`,
    details: { addresses, port },
  });
}

const maxStarts = 20;

/**
 * It gets a list of all interfaces of the host, and asks each for more after that. One that goes in between, such as the host's end of another container's, has it end before it
 * has done anything.
 */
const hasLostAnInterface = ({ code, errors }: CommandResult): boolean =>
  code !== 0 && /failed to find list of interfaces: No such device/.test(errors);

const isTaken = ({ code, errors }: CommandResult): boolean => code !== 0 && /Address already in use/.test(errors);

const startsWithinMs = 10_000;

/**
 * Whoever was killed while he started a resolver leaves that start to go on, without its lock. The resolver is the same one that was to be started here, and reads anew what it had read before.
 */
async function isStartedByAnother(pidFile: string): Promise<boolean> {
  for (const deadline = Date.now() + startsWithinMs; Date.now() < deadline && isBeingStarted(pidFile); ) {
    const pid = findDnsmasq(pidFile);
    if (pid !== undefined) {
      signalProcess(pid, 'SIGHUP');
      return true;
    }
    await sleep(5);
  }
  return false;
}

/** Also as long as it is a shell that is to become one. */
function isBeingStarted(pidFile: string): boolean {
  return readdirSync('/proc').some((name) => /^\d+$/.test(name) && argumentsOf(name).includes(pidArgument(pidFile)));
}

/** None of a process that has ended. */
function argumentsOf(pid: string | number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch (error) {
    // One that ends right now answers ESRCH.
    if (hasCode(error, 'ENOENT', 'ESRCH', 'ENOTDIR')) return [];
    throw error;
  }
}

/** The number of the process, while it lives. */
export function findDnsmasq(pidFile: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8').trim());
    if (!Number.isInteger(pid) || pid <= 1) return undefined;
    return argumentsOf(pid).includes(pidArgument(pidFile)) ? pid : undefined;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Ends it and waits until it has ended. */
export async function stopDnsmasq(pidFile: string): Promise<void> {
  const pid = findDnsmasq(pidFile);
  for (let tries = 0; pid !== undefined && findDnsmasq(pidFile) === pid; tries++) {
    signalProcess(pid, tries < 200 ? 'SIGTERM' : 'SIGKILL');
    await sleep(5);
  }
  // One that ends loses its arguments first, and its sockets a moment later.
  while (pid !== undefined && isEnding(pid)) await sleep(2);
  rmSync(pidFile, { force: true });
}

/** Not yet dead, nor another one by now: one with arguments. */
function isEnding(pid: number): boolean {
  try {
    const isDead = /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return !isDead && readFileSync(`/proc/${pid}/cmdline`, 'utf8') === '';
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return false;
    throw error;
  }
}

export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}

/** Whether it was built to fill nft's sets. Errors: `failed-precondition`. */
export async function dnsmasqFeatures(what: string): Promise<{ readonly hasNftSets: boolean }> {
  const { output } = await runTool(what, 'dnsmasq', ['--version']);
  return { hasNftSets: /(^|\s)nftset(\s|$)/m.test(output) };
}
