import type { Descriptor, Digest } from '@slipway/plugin-api';
import type { Origin, PublishedImage } from './origin.js';

export interface MemoryRepository {
  readonly tags: Map<string, Descriptor>;
  readonly content: Map<Digest, { readonly mediaType: string; readonly bytes: Buffer }>;
}

/** Images in memory, by repository: what {@link memoryResolver} asks. */
export class MemoryRegistry implements Origin {
  readonly repositories = new Map<string, MemoryRepository>();
  readonly #answers = new Set<MemoryAnswer>();
  #requests = 0;
  #sent = 0;
  #stalledAfter = Number.POSITIVE_INFINITY;

  name(repository: string): string {
    return `memory.test/${repository}`;
  }

  async publish(repository: string, { tag, manifest, blobs }: PublishedImage): Promise<void> {
    const found = this.repository(repository);
    for (const { descriptor, bytes } of [...blobs, manifest]) {
      found.content.set(descriptor.digest, { mediaType: descriptor.mediaType, bytes });
    }
    if (tag !== undefined) found.tags.set(tag, manifest.descriptor);
  }

  /** Made where it is not there. */
  repository(name: string): MemoryRepository {
    const found = this.repositories.get(name) ?? { tags: new Map(), content: new Map() };
    this.repositories.set(name, found);
    return found;
  }

  stall(bytes: number): void {
    this.#stalledAfter = bytes;
  }

  requests(): number {
    return this.#requests;
  }

  active(): number {
    return this.#answers.size;
  }

  sent(): number {
    return this.#sent;
  }

  /** Begins an answer. */
  answer(): MemoryAnswer {
    this.#requests += 1;
    const answer: MemoryAnswer = {
      sent: 0,
      isSilent: () => answer.sent >= this.#stalledAfter,
      send: (bytes) => {
        answer.sent += bytes;
        this.#sent += bytes;
      },
      end: () => void this.#answers.delete(answer),
    };
    this.#answers.add(answer);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.repositories.clear();
  }
}

export interface MemoryAnswer {
  sent: number;
  /** Nothing more comes now. */
  isSilent(): boolean;
  send(bytes: number): void;
  end(): void;
}
