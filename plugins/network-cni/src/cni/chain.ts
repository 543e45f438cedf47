import { existsSync } from 'node:fs';
import path from 'node:path';
import { isKind, isSlipwayError, SlipwayError } from '@slipway/plugin-api';
import * as v from 'valibot';
import { noPlugin } from '../errors.js';
import { type Conflist, isAtLeast, type PluginConfig } from './conflist.js';
import { type CniCommand, invoke } from './invoke.js';
import { type CniResult, resultSchema, versionSchema } from './result.js';

/** One container's interface in one network, as its chain is called. */
export interface ChainCall {
  readonly conflist: Conflist;
  readonly folders: readonly string[];
  readonly containerId?: string | undefined;
  readonly interface?: string | undefined;
  readonly namespace?: string | undefined;
  /** `CNI_ARGS`. */
  readonly args?: string | undefined;
  /** Values by capability: each plugin gets those that it declares. */
  readonly capabilityArgs: Readonly<Record<string, unknown>>;
  readonly lock?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The plugin's program, by its type. Errors: `failed-precondition`. */
export function findProgram(type: string, folders: readonly string[]): string {
  const program = folders.map((folder) => path.join(folder, type)).find((file) => existsSync(file));
  if (program === undefined) throw noPlugin(type, folders);
  return program;
}

/** ADD of all plugins in order. `begins` is told before each of them, `ended` of its result after. */
export async function addChain(
  call: ChainCall,
  on: { readonly begins: (index: number) => void; readonly ended: (index: number, result: CniResult) => void },
): Promise<CniResult> {
  for (const { type } of call.conflist.plugins) findProgram(type, call.folders);
  let result: CniResult | undefined;
  for (const [index, plugin] of call.conflist.plugins.entries()) {
    on.begins(index);
    result = checkedResult(plugin, await invokePlugin(call, 'ADD', plugin, result));
    on.ended(index, result);
  }
  return result as CniResult;
}

/**
 * DEL of plugins in reverse order. `results` are what was known after each of them: one whose ADD did not end is told the result before it. Goes through to the
 * end. Returns errors by the plugin's index.
 */
export async function deleteChain(
  call: ChainCall,
  results: readonly (CniResult | undefined)[],
): Promise<ReadonlyMap<number, unknown>> {
  const failures = new Map<number, unknown>();
  const known = results.findLast((result) => result !== undefined);
  for (let index = results.length - 1; index >= 0; index--) {
    const plugin = call.conflist.plugins[index];
    if (plugin === undefined) continue;
    try {
      await invokePlugin(call, 'DEL', plugin, known);
    } catch (error) {
      // Canceled: what is left is for the next one.
      if (isKind(error, 'canceled')) throw error;
      failures.set(index, error);
    }
  }
  return failures;
}

/** STATUS of all plugins, where the configuration is of 1.1 or newer. Errors: what a plugin that is not ready says. */
export async function checkStatus(call: Pick<ChainCall, 'conflist' | 'folders' | 'signal'>): Promise<void> {
  if (!isAtLeast(call.conflist.cniVersion, '1.1.0')) return;
  for (const plugin of call.conflist.plugins) await invokePlugin({ ...call, capabilityArgs: {} }, 'STATUS', plugin, undefined);
}

/**
 * GC of all plugins that know it, of a network that nobody else uses: they release what is of none of these. Whether they know it is asked of them, because the specification
 * 1.0, whose configuration ours is, has none.
 */
export async function collectGarbage(
  call: Pick<ChainCall, 'conflist' | 'folders'>,
  valid: readonly { readonly containerID: string; readonly ifname: string }[],
): Promise<void> {
  const conflist = { ...call.conflist, cniVersion: '1.1.0' };
  for (const plugin of conflist.plugins) {
    const versions = v.safeParse(
      versionSchema,
      await invokePlugin({ ...call, capabilityArgs: {} }, 'VERSION', plugin, undefined),
    );
    if (!versions.success || !versions.output.supportedVersions.includes('1.1.0')) continue;
    const input = { ...plugin, 'cni.dev/valid-attachments': valid };
    await invokePlugin({ conflist, folders: call.folders, capabilityArgs: {} }, 'GC', input, undefined);
  }
}

/** What a plugin reads: its configuration, the network's name and version, the values that it declares to take, and the result before it. */
export function pluginInput(
  { conflist, capabilityArgs }: Pick<ChainCall, 'conflist' | 'capabilityArgs'>,
  { capabilities = {}, ...plugin }: PluginConfig,
  previous: CniResult | undefined,
): Record<string, unknown> {
  const taken = Object.entries(capabilityArgs).filter(([name]) => capabilities[name] === true);
  return {
    ...plugin,
    cniVersion: conflist.cniVersion,
    name: conflist.name,
    ...(taken.length === 0 ? {} : { runtimeConfig: Object.fromEntries(taken) }),
    ...(previous === undefined ? {} : { prevResult: previous }),
  };
}

async function invokePlugin(
  call: ChainCall,
  command: CniCommand,
  plugin: PluginConfig,
  previous: CniResult | undefined,
): Promise<unknown> {
  const invocation = {
    command,
    program: findProgram(plugin.type, call.folders),
    folders: call.folders,
    input: pluginInput(call, plugin, previous),
    containerId: call.containerId,
    namespace: call.namespace,
    interface: call.interface,
    args: call.args,
    lock: call.lock,
    signal: call.signal,
  };
  for (let tries = 1; ; tries++) {
    try {
      return await invoke(invocation);
    } catch (error) {
      if (tries === maxTries || !isRace(error)) throw error;
    }
  }
}

const maxTries = 6;

/**
 * iptables on nftables looks, and then changes what it has seen in one transaction, which the kernel refuses when somebody else was faster: two plugins that make their common chain at
 * once. What these plugins add they look for first, so another ADD or DEL goes on where this one ended.
 */
function isRace(error: unknown): boolean {
  return isSlipwayError(error) && /\b(CHAIN|RULE|TABLE)_[A-Z_]+ failed \(|Resource temporarily unavailable/.test(error.message);
}

function checkedResult(plugin: PluginConfig, answer: unknown): CniResult {
  const result = v.safeParse(resultSchema, answer);
  if (result.success) return result.output;
  throw new SlipwayError({
    kind: 'internal',
    code: 'CNI_RESULT_INVALID',
    message: `CNI plugin "${plugin.type}" ADD: its result is none: ${result.issues[0].message}`,
  });
}
