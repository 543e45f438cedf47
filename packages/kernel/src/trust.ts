import fs from 'node:fs';
import path from 'node:path';
import { wrapError } from '@slipway/plugin-api';
import { TrustedPaths, type Untrusted } from '@slipway/trust';
import type { Problem } from './problem.js';

/** More entries than any plugin package has; a bound against following a folder that is no package. */
const maxEntries = 20_000;

/** As root, what is read as configuration or run as code must be trusted; another user trusts whatever that user is pointed at. */
export class TrustCheck {
  readonly #paths = new TrustedPaths();
  readonly #active: boolean;

  constructor(uid = process.geteuid?.()) {
    this.#active = uid === 0;
  }

  /** What makes the file untrustworthy, or undefined. `what` names it: `config file`. */
  file(what: string, file: string): Problem | undefined {
    if (!this.#active) return undefined;
    try {
      return problemOf(what, this.#paths.whole(file));
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

  #inside(what: string, directory: string): Problem | undefined {
    const pending = [directory];
    let entries = 0;
    for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
      for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
        if (entry.name === 'node_modules') continue;
        if (++entries > maxEntries) return tooLarge(what, directory);
        const inner = path.join(folder, entry.name);
        const problem = problemOf(what, this.#paths.entry(inner));
        if (problem !== undefined) return problem;
        if (entry.isDirectory()) pending.push(inner);
      }
    }
    return undefined;
  }
}

function problemOf(what: string, found: Untrusted | undefined): Problem | undefined {
  if (found === undefined) return undefined;
  const { entry, why, hint } = found;
  return { kind: 'permission-denied', code: 'UNTRUSTED_FILE', message: `${what} "${entry}" ${why}`, hint };
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
