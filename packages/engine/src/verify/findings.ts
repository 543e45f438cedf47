import type { Digest, VerifyProblem } from '@slipway/plugin-api';
import type { BlobFinding } from './check-blob.js';

interface Entry extends BlobFinding {
  readonly repaired: boolean;
  /** Why it could not be repaired. */
  readonly failure?: string;
}

/** What is wrong with blobs, and what became of it. */
export class BlobFindings {
  readonly #entries = new Map<Digest, Entry>();

  add(digest: Digest, finding: BlobFinding): void {
    this.#entries.set(digest, { ...finding, repaired: false });
  }

  /** Wrong, and not repaired. */
  isBad(digest: Digest): boolean {
    return this.#entries.get(digest)?.repaired === false;
  }

  repaired(digest: Digest): void {
    const entry = this.#entries.get(digest);
    if (entry !== undefined) this.#entries.set(digest, { problem: entry.problem, message: entry.message, repaired: true });
  }

  notRepaired(digest: Digest, failure: string): void {
    const entry = this.#entries.get(digest);
    if (entry !== undefined) this.#entries.set(digest, { ...entry, failure });
  }

  problems(imagesOf: (digest: Digest) => readonly string[]): VerifyProblem[] {
    return [...this.#entries].map(([digest, { problem, message, repaired, failure }]) => ({
      what: 'blob',
      name: digest,
      problem,
      message: failure === undefined ? message : `${message}; not repaired: ${failure}`,
      images: imagesOf(digest),
      repaired,
    }));
  }
}
