import { readFileSync, statSync } from 'node:fs';

/** A file, and what tells whether it is still the same one without reading it. */
export type Source = readonly [file: string, identity: string];

/** Reads files of the host and notes what each was just before: whatever changes one from then on shows. */
export class SourceFiles {
  readonly #seen = new Map<string, string>();

  /** Throws the errors of the system. */
  read(file: string): Buffer {
    const identity = identityOf(file);
    const content = readFileSync(file);
    if (identity !== undefined) this.#seen.set(file, identity);
    return content;
  }

  seen(): readonly Source[] {
    return [...this.#seen];
  }
}

export function isUnchanged([file, identity]: Source): boolean {
  return identityOf(file) === identity;
}

function identityOf(file: string): string | undefined {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? undefined : [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(':');
}
