import fs from 'node:fs';
import path from 'node:path';

/** An entry on the way to a file by which somebody else than root could change what is read there. */
export interface Untrusted {
  readonly entry: string;
  /** `is owned by user 1000, expected root`. */
  readonly why: string;
  /** A command that mends it. */
  readonly hint: string;
}

/**
 * What root reads as configuration or runs as code must not be changeable by anyone else: the file, every folder above it, and the same for
 * where symbolic links lead. A folder that others may write to is accepted only with the sticky bit (/tmp), under which nobody else can
 * replace what root has put there. Each entry is looked at once. Errors: those of the system.
 */
export class TrustedPaths {
  readonly #seen = new Map<string, Untrusted | undefined>();

  /** The entry, the folders above it, and where links lead. */
  whole(file: string): Untrusted | undefined {
    const entry = path.resolve(file);
    if (!this.#seen.has(entry)) {
      // A loop of links ends here.
      this.#seen.set(entry, undefined);
      const folder = path.dirname(entry);
      const above = folder === entry ? undefined : this.whole(folder);
      this.#seen.set(entry, above ?? this.entry(entry));
    }
    return this.#seen.get(entry);
  }

  /** The entry and where it leads, in a folder that was looked at. */
  entry(entry: string): Untrusted | undefined {
    const stat = fs.lstatSync(entry);
    if (stat.uid !== 0) return { entry, why: `is owned by user ${stat.uid}, expected root`, hint: `chown root "${entry}"` };
    if (stat.isSymbolicLink()) return this.whole(path.resolve(fs.realpathSync(path.dirname(entry)), fs.readlinkSync(entry)));
    const isSticky = stat.isDirectory() && (stat.mode & 0o1000) !== 0;
    if (isSticky || (stat.mode & 0o022) === 0) return undefined;
    const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
    return {
      entry,
      why: `has mode ${mode}: others than root can change what root would trust`,
      hint: `chmod go-w "${entry}"`,
    };
  }
}
