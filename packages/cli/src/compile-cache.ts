import { lstatSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/**
 * Where Node keeps compiled code, or undefined when there is no safe place. What lies there is run as code, so the folder
 * must be ours alone; Node's default is a name in /tmp that anyone can guess and make first.
 * Root's does not depend on the environment, which sudo may pass on.
 */
export function compileCacheFolder(uid = process.geteuid?.(), env = process.env): string | undefined {
  if (uid === undefined) return undefined;
  const folder = uid === 0 ? '/var/cache/slipway/node' : path.join(userCache(env), 'slipway', 'node');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stat = lstatSync(folder);
    return stat.isDirectory() && stat.uid === uid && (stat.mode & 0o077) === 0 ? folder : undefined;
  } catch {
    // Without a cache everything works, a little slower.
    return undefined;
  }
}

function userCache(env: NodeJS.ProcessEnv): string {
  const given = env['XDG_CACHE_HOME'];
  return given !== undefined && path.isAbsolute(given) ? given : path.join(homedir(), '.cache');
}
