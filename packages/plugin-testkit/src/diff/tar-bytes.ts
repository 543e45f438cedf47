/** One entry of a layer as a test writes it down: any format, malformed ones too. Names are text (UTF-8) or bytes. */
export interface TarEntryText {
  readonly name: string | Buffer;
  /** Type flag; `0`, a file, when absent. */
  readonly type?: string;
  readonly body?: string | Buffer;
  /** Value of the size field when it is not the body's length. */
  readonly size?: number;
  readonly link?: string | Buffer;
  /** 0644, of a directory 0755, when absent. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds; 1,000,000 when absent. */
  readonly mtime?: number;
  readonly major?: number;
  readonly minor?: number;
  readonly format?: 'v7' | 'ustar' | 'gnu';
  readonly prefix?: string;
  /** Records of a PAX header before the entry. */
  readonly pax?: Readonly<Record<string, string | Buffer>>;
  /** Changes the finished header; the checksum is made afterwards. */
  readonly patch?: (header: Buffer) => void;
  readonly checksum?: 'unsigned' | 'signed' | 'wrong';
}

export type TarPart = TarEntryText | Buffer;

export const defaultMtime = 1_000_000;

/** An archive, byte by byte the same for the same parts. */
export function tar(...parts: readonly TarPart[]): Buffer {
  return Buffer.concat([unended(...parts), Buffer.alloc(1024)]);
}

/** Without the two blocks of zeros at the end. */
export function unended(...parts: readonly TarPart[]): Buffer {
  return Buffer.concat(parts.map((part) => (Buffer.isBuffer(part) ? part : tarEntry(part))));
}

export function tarEntry(text: TarEntryText): Buffer {
  const body = Buffer.from(text.body ?? '');
  const before = text.pax === undefined ? [] : [paxHeader(text.pax)];
  return Buffer.concat([...before, header(text, body.length), padded(body)]);
}

/** Records that hold for the entry that follows. */
export function paxHeader(records: Readonly<Record<string, string | Buffer>>, type: 'x' | 'g' = 'x'): Buffer {
  const body = Buffer.concat(Object.entries(records).map(([key, value]) => paxRecord(key, value)));
  return tarEntry({ name: 'PaxHeaders/x', type, body });
}

/** GNU tar's long name (L) or long link (K) of the entry that follows. */
export function gnuLong(type: 'L' | 'K', text: string | Buffer): Buffer {
  return tarEntry({ name: '././@LongLink', type, format: 'gnu', body: Buffer.concat([Buffer.from(text), Buffer.alloc(1)]) });
}

/** Its length counts its own digits. */
function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')]);
  let length = rest.length + 1;
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}

function padded(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

function header(text: TarEntryText, bodyLength: number): Buffer {
  const block = Buffer.alloc(512);
  Buffer.from(text.name).copy(block, 0, 0, 100);
  tarNumber(block, 100, 8, text.mode ?? (text.type === '5' ? 0o755 : 0o644));
  tarNumber(block, 108, 8, text.uid ?? 0);
  tarNumber(block, 116, 8, text.gid ?? 0);
  tarNumber(block, 124, 12, text.size ?? bodyLength);
  tarNumber(block, 136, 12, text.mtime ?? defaultMtime);
  block.write(text.type ?? '0', 156, 'latin1');
  Buffer.from(text.link ?? '').copy(block, 157, 0, 100);
  const format = text.format ?? 'ustar';
  if (format !== 'v7') {
    block.write(format === 'gnu' ? 'ustar  \0' : 'ustar\x0000', 257, 'latin1');
    tarNumber(block, 329, 8, text.major ?? 0);
    tarNumber(block, 337, 8, text.minor ?? 0);
    block.write(text.prefix ?? '', 345, 'latin1');
  }
  text.patch?.(block);
  block.fill(0x20, 148, 156);
  let sum = text.checksum === 'wrong' ? 1 : 0;
  for (const byte of block) sum += text.checksum === 'signed' && byte > 127 ? byte - 256 : byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Octal where it fits, else GNU's base-256. */
export function tarNumber(block: Buffer, offset: number, length: number, value: number): void {
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
