import fs from 'node:fs';
import path from 'node:path';
import { wrapError } from '@slipway/plugin-api';
import type { Problem } from './problem.js';

/** More entries than any plugin package has; a bound against following a folder that is no package. */
const maxEntries = 20_000;

/**
 * As root, whatever is read as configuration or run as code must not be changeable by anyone else: the file, every
 * folder above it, and the same for where symbolic links lead. A folder that others may write to is accepted only with the
 * sticky bit (/tmp), under which nobody else can replace what root has put there.
 *
 * Another user trusts whatever that user is pointed at, as any interpreter would.
 */
export class TrustCheck {
  readonly #checked = new Map<string, Problem | undefined>();
  readonly #active: boolean;

  constructor(uid = process.geteuid?.()) {
    this.#active = uid === 0;
  }

  /** What makes the file untrustworthy, or undefined. `what` names it: `config file`. */
  file(what: string, file: string): Problem | undefined {
    if (!this.#active) return undefined;
    try {
      return this.#path(what, path.resolve(file));
    } catch (error) {
      return unreadable(what, error);
    }
  }

  /** The same for a whole package, but for packages inside it, which Node resolves by themselves. */
  package(directory: string): Problem | undefined {
    if (!this.#active) return undefined;
    const what = 'plugin package';
    const own = this.file(what, directory);
    if (own !== undefined) return own;
    try {
      return this.#inside(what, fs.realpathSync(directory));
    } catch (error) {
      return unreadable(what, error);
    }
  }

  #path(what: string, entry: string): Problem | undefined {
    if (!this.#checked.has(entry)) {
      this.#checked.set(entry, undefined);
      const folder = path.dirname(entry);
      const above = folder === entry ? undefined : this.#path(what, folder);
      this.#checked.set(entry, above ?? entryProblem(what, entry) ?? this.#linkTarget(what, entry));
    }
    return this.#checked.get(entry);
  }

  #inside(what: string, directory: string): Problem | undefined {
    const pending = [directory];
    let entries = 0;
    for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
      for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
        if (entry.name === 'node_modules') continue;
        if (++entries > maxEntries) return tooLarge(what, directory);
        const inner = path.join(folder, entry.name);
        const problem = entryProblem(what, inner) ?? this.#linkTarget(what, inner);
        if (problem !== undefined) return problem;
        if (entry.isDirectory()) pending.push(inner);
      }
    }
    return undefined;
  }

  #linkTarget(what: string, entry: string): Problem | undefined {
    if (!fs.lstatSync(entry).isSymbolicLink()) return undefined;
    return this.#path(what, path.resolve(fs.realpathSync(path.dirname(entry)), fs.readlinkSync(entry)));
  }
}

function entryProblem(what: string, entry: string): Problem | undefined {
  const stat = fs.lstatSync(entry);
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
  if (stat.uid !== 0) {
    return untrusted(`${what} "${entry}" is owned by user ${stat.uid}, expected root`, `chown root "${entry}"`);
  }
  const sticky = stat.isDirectory() && (stat.mode & 0o1000) !== 0;
  if (!stat.isSymbolicLink() && !sticky && (stat.mode & 0o022) !== 0) {
    return untrusted(
      `${what} "${entry}" has mode ${mode}: others than root can change what root would trust`,
      `chmod go-w "${entry}"`,
    );
  }
  return undefined;
}

function untrusted(message: string, hint: string): Problem {
  return { kind: 'permission-denied', code: 'UNTRUSTED_FILE', message, hint };
}

function tooLarge(what: string, directory: string): Problem {
  return {
    kind: 'failed-precondition',
    code: 'PLUGIN_PACKAGE_TOO_LARGE',
    message: `${what} "${directory}" has more than ${maxEntries} files`,
  };
}

function unreadable(what: string, error: unknown): Problem {
  const { kind, code, message, hint } = wrapError(`check who may change the ${what}`, error);
  return { kind, code, message, hint };
}
