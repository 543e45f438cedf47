import { usageError } from '../usage-error.js';

export const defaultDetachKeys = 'ctrl-p,ctrl-q';

/** The bytes of docker's words for keys: `ctrl-p,ctrl-q`, `ctrl-x,x`. Errors: wrong use. */
export function parseDetachKeys(command: string, text: string): readonly number[] {
  return text.split(',').map((key) => {
    const byte = byteOf(key);
    if (byte === undefined)
      throw usageError(
        command,
        `--detach-keys ${JSON.stringify(text)} has the unknown key ${JSON.stringify(key)}`,
        'keys are single characters and ctrl- with one of a-z @ [ \\ ] ^ _, separated by commas, as in ctrl-p,ctrl-q',
      );
    return byte;
  });
}

function byteOf(key: string): number | undefined {
  const [, control] = /^ctrl-([a-z@[\\\]^_])$/.exec(key) ?? [];
  if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
  return /^[\x20-\x7e]$/.test(key) ? key.charCodeAt(0) : undefined;
}

/** Looks for the keys in what is typed. What may be their beginning is held back until the next key. */
export class DetachKeys {
  readonly #keys: readonly number[];
  #matched = 0;

  constructor(keys: readonly number[]) {
    this.#keys = keys;
  }

  /** What goes on to the container; `detached` when the keys were typed, of which nothing goes on, nor of what follows. */
  take(typed: Uint8Array): { readonly bytes: Buffer; readonly detached: boolean } {
    const passed: number[] = [];
    for (const byte of typed) {
      if (byte !== this.#keys[this.#matched]) {
        passed.push(...this.#keys.slice(0, this.#matched));
        this.#matched = 0;
      }
      if (byte !== this.#keys[this.#matched]) passed.push(byte);
      else if (++this.#matched === this.#keys.length) return { bytes: Buffer.from(passed), detached: true };
    }
    return { bytes: Buffer.from(passed), detached: false };
  }
}
