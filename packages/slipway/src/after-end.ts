import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import path from 'node:path';
import { isSea } from 'node:sea';
import { fileURLToPath } from 'node:url';
import type { Config } from '@slipway/kernel';
import type { Supervision } from '@slipway/plugin-api';
import type { OpenEngineOptions } from './options.js';

const program = fileURLToPath(new URL('./after-end-main.js', import.meta.url));

/**
 * The command that cleans up after the container of the record. How this engine was opened is written to a file of the state folder that is named for what it says, so that it is
 * there once for all containers. Undefined where the running program is not Node, but has it built in: that would run anything but ours.
 */
export function afterEndOf(record: string, options: OpenEngineOptions, config: Config): Supervision['afterEnd'] {
  if (isSea() || 'electron' in process.versions) return undefined;
  return { args: [process.execPath, program, keepOptions(options, config), record], env: environment() };
}

function keepOptions(options: OpenEngineOptions, { settings: { root, state } }: Config): string {
  const file = options.config ?? (process.env['SLIPWAY_CONFIG'] || undefined);
  const kept: OpenEngineOptions = {
    config: file === undefined ? undefined : path.resolve(file),
    // As they are now: the record means these.
    root,
    state,
    stack: options.stack,
    settings: options.settings,
  };
  const text = JSON.stringify(kept);
  const folder = path.join(state, 'after-end');
  const target = path.join(folder, `${createHash('sha256').update(text).digest('hex')}.json`);
  if (existsSync(target)) return target;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fresh = path.join(folder, `.${randomBytes(8).toString('hex')}`);
  writeFileSync(fresh, text, { mode: 0o600, flag: 'wx' });
  renameSync(fresh, target);
  return target;
}

/** What finds programs and configuration; and where this process has its code compiled already, if it has. */
function environment(): string[] {
  const cache = getCompileCacheDir();
  const { PATH, HOME } = process.env;
  return Object.entries({ PATH, HOME, NODE_COMPILE_CACHE: cache === undefined ? undefined : path.dirname(cache) }).flatMap(
    ([name, value]) => (value === undefined ? [] : [`${name}=${value}`]),
  );
}
