import { checkExecString, invalid, quote } from './invalid.js';

/** Where commands are looked for unless the image says otherwise; Docker's. */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface EnvSources {
  readonly hostname: string;
  readonly home: string;
  readonly terminal: boolean;
  /** An entry without `=` takes a default away, as Docker and containerd have it. */
  readonly image: readonly string[];
  /** Each is `NAME=value`; the last of a name wins, over the image's too. */
  readonly options: readonly string[];
}

/**
 * The process' environment and nothing of our own: what an image or a user sets reaches the container, no other process.
 * Errors: `ENV_INVALID`, `NUL_IN_TEXT`, `TEXT_TOO_LONG`.
 */
export function buildEnv(sources: EnvSources): readonly string[] {
  const env = new Map<string, string>([
    ['PATH', defaultPath],
    ['HOSTNAME', sources.hostname],
  ]);
  if (sources.terminal) env.set('TERM', 'xterm');
  for (const [index, entry] of sources.image.entries()) {
    const [name, value] = split(`Environment variable ${index} of the image`, entry);
    if (value === undefined) env.delete(name);
    else env.set(name, value);
  }
  for (const [index, entry] of sources.options.entries()) {
    const [name, value] = split(`Environment variable ${index} of the options`, entry);
    if (value === undefined) {
      throw invalid('ENV_INVALID', `Environment variable ${quote(name)} has no value`, {
        hint: 'expected NAME=value; NAME= for an empty one',
      });
    }
    env.set(name, value);
  }
  if (!env.get('HOME')) env.set('HOME', sources.home);
  return [...env].map(([name, value]) => {
    const entry = `${name}=${value}`;
    checkExecString(`Environment variable ${quote(name)}`, entry);
    return entry;
  });
}

/** The value of `name` in a list as {@link buildEnv} makes it. */
export function envValue(env: readonly string[], name: string): string | undefined {
  return env.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

function split(what: string, entry: string): [name: string, value: string | undefined] {
  const at = entry.indexOf('=');
  const name = at < 0 ? entry : entry.slice(0, at);
  if (name === '') throw invalid('ENV_INVALID', `${what} has no name`, { hint: 'expected NAME=value' });
  checkExecString(`${what} ${quote(name)}`, entry);
  return [name, at < 0 ? undefined : entry.slice(at + 1)];
}
