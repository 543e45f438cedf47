import type { ByteString } from '../bytes.js';
import { entryError } from '../errors.js';
import { type Extension, readRecords } from './pax.js';

const paxHeader = 0x78;
const paxGlobalHeader = 0x67;
const gnuLongName = 0x4c;
const gnuLongLink = 0x4b;
const noBody = Buffer.alloc(0);

/** Whether a type flag (x, g, L, K) says that the entry is about the ones after it. */
export function isExtensionType(flag: number | undefined): flag is number {
  return flag === paxHeader || flag === paxGlobalHeader || flag === gnuLongName || flag === gnuLongLink;
}

/** Collects what extended headers say about the next entry. */
export class Extensions {
  readonly #limit: number;
  #pax: Extension | undefined;
  /** GNU's long names win over PAX records, in whichever order they come. */
  #longName: ByteString | undefined;
  #longLink: ByteString | undefined;
  #type = 0;
  #name: ByteString = '';
  #body = noBody;
  #fill = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Something was said, and the entry it is about has not come yet. */
  get isPending(): boolean {
    return this.#pax !== undefined || this.#longName !== undefined || this.#longLink !== undefined;
  }

  /** The body that was started is complete. */
  get isWhole(): boolean {
    return this.#fill === this.#body.length;
  }

  /** Begins a header of the given type and name. Returns the size of its body. */
  start(type: number, size: number | undefined, name: ByteString): number {
    if (size === undefined || size < 0)
      throw entryError('LAYER_HEADER_INVALID', name, 'size of an extended header is no number from 0 on');
    if (size > this.#limit)
      throw entryError('LAYER_TOO_LARGE', name, `an extended header of ${size} bytes is over the limit of ${this.#limit}`);
    this.#type = type;
    this.#name = name;
    this.#body = Buffer.allocUnsafe(size);
    this.#fill = 0;
    return size;
  }

  /** Takes what belongs to the body from `chunk`. Returns where the rest of it begins. */
  push(chunk: Buffer, at: number): number {
    const bytes = Math.min(this.#body.length - this.#fill, chunk.length - at);
    chunk.copy(this.#body, this.#fill, at, at + bytes);
    this.#fill += bytes;
    return at + bytes;
  }

  end(): void {
    switch (this.#type) {
      case paxHeader:
        this.#pax = { xattrs: new Map() };
        readRecords(this.#body, this.#name, this.#pax);
        break;
      case gnuLongName:
        this.#longName = this.#longText();
        break;
      case gnuLongLink:
        this.#longLink = this.#longText();
        break;
    }
    this.#body = noBody;
    this.#fill = 0;
  }

  /** What the entry that is here now must be read with. */
  take(): Extension | undefined {
    if (!this.isPending) return undefined;
    const extension: Extension = this.#pax ?? { xattrs: new Map() };
    if (this.#longName !== undefined) extension.path = this.#longName;
    if (this.#longLink !== undefined) extension.linkTarget = this.#longLink;
    this.#pax = undefined;
    this.#longName = undefined;
    this.#longLink = undefined;
    return extension;
  }

  #longText(): ByteString {
    let end = this.#body.length;
    while (end > 0 && this.#body[end - 1] === 0) end--;
    const text = this.#body.toString('latin1', 0, end);
    if (text.includes('\0')) throw entryError('LAYER_NAME_INVALID', text, 'a long name has a NUL byte in it');
    return text;
  }
}
