/** Makes tar archives byte by byte, malformed ones too. Names are given as text or bytes. */
export interface EntryOptions {
  readonly name: string | Buffer;
  /** Type flag; a file when absent. */
  readonly type?: string;
  readonly body?: string | Buffer;
  /** Value of the size field when it is not the body's length. */
  readonly size?: number;
  readonly link?: string | Buffer;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly major?: number;
  readonly minor?: number;
  readonly format?: 'v7' | 'ustar' | 'gnu';
  readonly prefix?: string;
  /** Records of a PAX header before the entry. */
  readonly pax?: Readonly<Record<string, string | Buffer>> | readonly (readonly [string, string | Buffer])[];
  /** Changes the finished header; the checksum is made afterwards. */
  readonly patch?: (header: Buffer) => void;
  readonly checksum?: 'unsigned' | 'signed' | 'wrong';
}

export function tar(...parts: readonly (Buffer | EntryOptions)[]): Buffer {
  return Buffer.concat([unended(...parts), Buffer.alloc(1024)]);
}

/** Without the two blocks of zeros at the end. */
export function unended(...parts: readonly (Buffer | EntryOptions)[]): Buffer {
  return Buffer.concat(parts.map((part) => (Buffer.isBuffer(part) ? part : entry(part))));
}

export function entry(options: EntryOptions): Buffer {
  const body = Buffer.from(options.body ?? '');
  const parts: Buffer[] = [];
  if (options.pax) parts.push(entry({ name: 'PaxHeaders/x', type: 'x', body: records(options.pax) }));
  parts.push(header(options, body.length), padded(body));
  return Buffer.concat(parts);
}

export function records(pax: NonNullable<EntryOptions['pax']>): Buffer {
  const list = Array.isArray(pax) ? pax : Object.entries(pax);
  return Buffer.concat(list.map(([key, value]) => record(key as string, value as string | Buffer)));
}

export function record(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = rest.length + 1;
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}

/** GNU tar's long name (L) or long link (K). */
export function long(type: 'L' | 'K', text: string | Buffer): Buffer {
  return entry({ name: '././@LongLink', type, format: 'gnu', body: Buffer.concat([Buffer.from(text), Buffer.alloc(1)]) });
}

export function padded(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

function header(options: EntryOptions, bodyLength: number): Buffer {
  const block = Buffer.alloc(512);
  Buffer.from(options.name).copy(block, 0, 0, 100);
  number(block, 100, 8, options.mode ?? (options.type === '5' ? 0o755 : 0o644));
  number(block, 108, 8, options.uid ?? 0);
  number(block, 116, 8, options.gid ?? 0);
  number(block, 124, 12, options.size ?? bodyLength);
  number(block, 136, 12, options.mtime ?? 1_000_000);
  block.write(options.type ?? '0', 156, 'latin1');
  Buffer.from(options.link ?? '').copy(block, 157, 0, 100);
  const format = options.format ?? 'ustar';
  if (format !== 'v7') {
    block.write(format === 'gnu' ? 'ustar  \0' : 'ustar\x0000', 257, 'latin1');
    number(block, 329, 8, options.major ?? 0);
    number(block, 337, 8, options.minor ?? 0);
    block.write(options.prefix ?? '', 345, 'latin1');
  }
  options.patch?.(block);
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += options.checksum === 'signed' && byte > 127 ? byte - 256 : byte;
  if (options.checksum === 'wrong') sum++;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Octal where it fits, else GNU's base-256. */
export function number(block: Buffer, offset: number, length: number, value: number): void {
  const octal = value.toString(8);
  if (value >= 0 && octal.length < length) {
    block.write(`${octal.padStart(length - 1, '0')}\0`, offset, 'latin1');
    return;
  }
  let rest = BigInt.asUintN(8 * length, BigInt(value));
  for (let at = length - 1; at >= 0; at--) {
    block[offset + at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  block[offset] = (block[offset] ?? 0) | 0x80;
}
