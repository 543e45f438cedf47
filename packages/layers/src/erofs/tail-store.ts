const slabBytes = 1 << 20;
/** Beside what the metadata takes: enough for sixty thousand small files; those after them get blocks of their own. */
const mostBytes = 64 << 20;

/** All that is kept, as plain data. */
export interface TailStoreState {
  readonly slabs: readonly Buffer[];
  readonly end: number;
}

/** Last bytes of files, kept until they are written behind their inodes. */
export class TailStore {
  readonly #slabs: Buffer[] = [];
  #end = 0;

  static from({ slabs, end }: TailStoreState): TailStore {
    const store = new TailStore();
    for (const slab of slabs) store.#slabs.push(slab);
    store.#end = end;
    return store;
  }

  get state(): TailStoreState {
    return { slabs: this.#slabs, end: this.#end };
  }

  /** Room for so many bytes, all zeros, within one slab; undefined when there is none left. */
  reserve(length: number): number | undefined {
    const left = slabBytes - (this.#end % slabBytes);
    const start = length > left ? this.#end + left : this.#end;
    if (start + length > mostBytes) return undefined;
    if (start + length > this.#slabs.length * slabBytes) this.#slabs.push(Buffer.alloc(slabBytes));
    this.#end = start + length;
    return start;
  }

  /** The bytes that were reserved as `start`. */
  bytes(start: number, length: number): Buffer {
    const slab = this.#slabs[Math.floor(start / slabBytes)] ?? Buffer.alloc(0);
    return slab.subarray(start % slabBytes, (start % slabBytes) + length);
  }

  /** Gives the last reservation back. */
  release(start: number): void {
    this.#slabs[Math.floor(start / slabBytes)]?.fill(0, start % slabBytes);
    this.#end = start;
  }
}
