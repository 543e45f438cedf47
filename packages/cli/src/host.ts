import path from 'node:path';
import { type Engine, SlipwayError } from '@slipway/plugin-api';
import type { Host, OpenEngineOptions, StoreRebuild } from 'slipway';
import type { Invocation } from './command.js';
import { stderrLog } from './log.js';

/** The kernel with the configuration that the global options ask for. Nothing is active yet. */
export async function openHostFor(invocation: Invocation): Promise<Host> {
  const { openHost } = await import('slipway');
  return openHost(optionsOf(invocation));
}

/** New books for a store whose metadata is lost. Errors: as {@link withEngine}. */
export async function rebuildFor(invocation: Invocation, signal: AbortSignal): Promise<StoreRebuild> {
  requireRoot(invocation.name);
  const { rebuildStore } = await import('slipway');
  return rebuildStore({ ...optionsOf(invocation), signal });
}

/** An engine for as long as `use` takes. Errors: `permission-denied` with ROOT_NEEDED before anything is touched. */
export async function withEngine<T>(invocation: Invocation, use: (engine: Engine) => Promise<T>): Promise<T> {
  requireRoot(invocation.name);
  await using host = await openHostFor(invocation);
  return await use(await host.engine());
}

function requireRoot(command: string): void {
  if (process.geteuid?.() === 0) return;
  throw new SlipwayError({
    kind: 'permission-denied',
    code: 'ROOT_NEEDED',
    message: `${command} needs root`,
    hint: `run as root (sudo slipway ${command} ...)`,
  });
}

function optionsOf({ global, output }: Invocation): OpenEngineOptions {
  return {
    stack: global.stack,
    root: absolute(global.root),
    state: absolute(global.state),
    config: absolute(global.config),
    log: stderrLog(output, global),
  };
}

function absolute(file: string | undefined): string | undefined {
  return file === undefined ? undefined : path.resolve(file);
}
