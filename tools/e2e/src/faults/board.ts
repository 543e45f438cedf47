import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { type Fault, faultKinds } from './fault.ts';

const key = 'slipway-e2e-faults';
const maxSite = 4096;

/** Places of the numbers in the memory that all threads of the process see. */
const [modeAt, roundAt, kindAt, lengthAt, hitsAt] = [0, 1, 2, 3, 4];
const numbers = 5;
const [off, recording, armed] = [0, 1, 2];

/** What is to happen in all threads of this process: nothing, writing sites down, or one fault. */
export class Board {
  readonly #numbers: Int32Array;
  readonly #site: Uint8Array;
  #armedRound: number | undefined;
  #armedCall = '';

  private constructor(memory: SharedArrayBuffer) {
    this.#numbers = new Int32Array(memory, 0, numbers);
    this.#site = new Uint8Array(memory, numbers * 4, maxSite);
  }

  /** Threads get it from the thread that starts them. */
  static ofProcess(): Board {
    if (isMainThread && getEnvironmentData(key) === undefined)
      setEnvironmentData(key, new SharedArrayBuffer(numbers * 4 + maxSite));
    return new Board(getEnvironmentData(key) as unknown as SharedArrayBuffer);
  }

  /** Whether it matters where a call of that name is made: of one that cannot be the armed one it is not looked for, which is dear. */
  concerns(call: string): boolean {
    const mode = Atomics.load(this.#numbers, modeAt);
    if (mode !== armed) return mode === recording;
    const round = Atomics.load(this.#numbers, roundAt);
    if (round !== this.#armedRound) {
      // After its place, see siteOf.
      this.#armedCall = this.#armedSite.toString().split(' ')[1] ?? '';
      this.#armedRound = round;
    }
    return call === this.#armedCall;
  }

  /** Changes with each recording, so that a thread tells again what it told in the one before. */
  get recording(): number | undefined {
    return Atomics.load(this.#numbers, modeAt) === recording ? Atomics.load(this.#numbers, roundAt) : undefined;
  }

  record(): void {
    Atomics.add(this.#numbers, roundAt, 1);
    Atomics.store(this.#numbers, modeAt, recording);
  }

  arm({ site, kind }: Fault): void {
    const bytes = Buffer.from(site);
    if (bytes.length > maxSite) throw new Error(`the site's name is too long: ${site}`);
    this.#site.set(bytes);
    Atomics.store(this.#numbers, lengthAt, bytes.length);
    Atomics.store(this.#numbers, kindAt, faultKinds.indexOf(kind));
    Atomics.store(this.#numbers, hitsAt, 0);
    Atomics.add(this.#numbers, roundAt, 1);
    Atomics.store(this.#numbers, modeAt, armed);
  }

  /** @returns whether the fault has happened */
  clear(): boolean {
    Atomics.store(this.#numbers, modeAt, off);
    return Atomics.load(this.#numbers, hitsAt) > 0;
  }

  /** Gives the armed fault to whoever asks for its site first. */
  take(site: string): Fault['kind'] | undefined {
    if (Atomics.load(this.#numbers, modeAt) !== armed) return undefined;
    if (Buffer.compare(Buffer.from(site), this.#armedSite) !== 0) return undefined;
    if (Atomics.add(this.#numbers, hitsAt, 1) !== 0) return undefined;
    return faultKinds[Atomics.load(this.#numbers, kindAt)];
  }

  get #armedSite(): Buffer {
    return Buffer.from(this.#site.subarray(0, Atomics.load(this.#numbers, lengthAt)));
  }
}
