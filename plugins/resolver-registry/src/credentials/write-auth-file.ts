import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { quote } from '@slipway/oci';
import { canceled, hasCode, SlipwayError, step, throwIfAborted, wrapError } from '@slipway/plugin-api';
import { type AuthFile, parseAuthFile, readAuthFile } from './read-auth-file.js';

/** Longer than any login holds the lock; who holds it longer is none. */
const lockPatience = 30_000;

export type Document = Record<string, unknown>;

/**
 * Changes a file of credentials, or makes it: under a lock on its folder, so that no login loses another's entry, and by rename, so that no reader sees a
 * half of it. Where `change` gives nothing, nothing is written. What a killed one has left beside it goes.
 */
export async function updateAuthFile(
  file: string,
  change: (before: AuthFile) => Document | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const what = `writing the credentials file ${quote(file)}`;
  try {
    // A link leads to where its owner wants the file to be.
    const target = await realpath(file).catch((error: unknown) => {
      if (hasCode(error, 'ENOENT')) return file;
      throw error;
    });
    const folder = path.dirname(target);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await using lock = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    await takeLock(lock.fd, what, signal);
    const after = change((await readAuthFile(target)) ?? parseAuthFile(target, ''));
    if (after === undefined) return;
    const prefix = `.${path.basename(target)}.slipway-`;
    for (const name of await readdir(folder)) if (name.startsWith(prefix)) await rm(path.join(folder, name));
    await replace(target, path.join(folder, prefix + randomUUID()), `${JSON.stringify(after, undefined, '\t')}\n`);
    await lock.sync();
    step('login.stored', { file: target });
  } catch (error) {
    throw wrapError(what, error);
  }
}

async function replace(target: string, temporary: string, text: string): Promise<void> {
  try {
    await using handle = await open(temporary, 'wx', 0o600);
    const before = await stat(target).catch(() => undefined);
    // As root in somebody's home: it stays theirs.
    if (before !== undefined && before.uid !== process.geteuid?.()) await handle.chown(before.uid, before.gid);
    await handle.writeFile(text);
    await handle.sync();
    step('login.written', { file: temporary });
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function takeLock(fd: number, what: string, signal: AbortSignal | undefined): Promise<void> {
  const end = performance.now() + lockPatience;
  for (let wait = 5; !linux.tryFlock(fd, 'exclusive'); wait = Math.min(wait * 2, 200)) {
    throwIfAborted(what, signal);
    if (performance.now() > end)
      throw new SlipwayError({
        kind: 'unavailable',
        code: 'REGISTRY_AUTH_FILE_LOCKED',
        message: `${what}: another process has locked its folder for ${lockPatience / 1000} s`,
      });
    await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {
      throw canceled(what, signal);
    });
  }
}
