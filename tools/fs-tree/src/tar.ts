/** One member of an archive, with the extended headers already folded in; names are latin1 text, one character a byte. */
export interface TarMember {
  readonly name: string;
  readonly typeflag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly linkname: string;
  readonly device: string;
  readonly xattrs: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const BLOCK = 512;

/**
 * All members of a whole archive in memory: ustar with prefix, v7, GNU long names and base-256 numbers, PAX with values as bytes.
 * Plain on purpose: this is the second opinion on the product's own reader, so it shares no code with it.
 */
export function readTar(archive: Buffer): TarMember[] {
  const members: TarMember[] = [];
  let pax = new Map<string, Buffer>();
  let longName: string | undefined;
  let longLink: string | undefined;
  for (let at = 0; at + BLOCK <= archive.length; ) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) break;
    checkSum(header, at);
    const typeflag = String.fromCharCode(header[156] || 0x30);
    const stated = pax.get('size');
    const size = stated && !'xgLK'.includes(typeflag) ? Number(stated.toString()) : number(header, 124, 12);
    const hasBody = !'123456'.includes(typeflag);
    const start = at + BLOCK;
    const body = hasBody ? archive.subarray(start, start + size) : Buffer.alloc(0);
    if (hasBody && body.length !== size)
      throw new Error(`tar: the body of the member at ${at} ends after ${body.length} of ${size} bytes`);
    at = start + (hasBody ? Math.ceil(size / BLOCK) * BLOCK : 0);
    if (typeflag === 'g') continue;
    if (typeflag === 'x') pax = paxRecords(body);
    else if (typeflag === 'L') longName = untilZero(body);
    else if (typeflag === 'K') longLink = untilZero(body);
    else {
      members.push(member(header, typeflag, body, pax, longName, longLink));
      pax = new Map();
      longName = undefined;
      longLink = undefined;
    }
  }
  return members;
}

function member(
  h: Buffer,
  typeflag: string,
  body: Buffer,
  pax: Map<string, Buffer>,
  longName?: string,
  longLink?: string,
): TarMember {
  const ustar = h.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = ustar ? untilZero(h.subarray(345, 500)) : '';
  const short = untilZero(h.subarray(0, 100));
  const text = (key: string): string | undefined => pax.get(key)?.toString('latin1');
  const xattrs = [...pax].filter(([key]) => key.startsWith('SCHILY.xattr.'));
  return {
    name: text('path') ?? longName ?? (prefix === '' ? short : `${prefix}/${short}`),
    typeflag,
    mode: number(h, 100, 8),
    uid: Number(text('uid') ?? number(h, 108, 8)),
    gid: Number(text('gid') ?? number(h, 116, 8)),
    mtimeNs: nanoseconds(text('mtime') ?? String(number(h, 136, 12))),
    linkname: text('linkpath') ?? longLink ?? untilZero(h.subarray(157, 257)),
    device: `${number(h, 329, 8)}:${number(h, 337, 8)}`,
    xattrs: Object.fromEntries(xattrs.map(([key, value]) => [key.slice('SCHILY.xattr.'.length), value.toString('hex')])),
    body,
  };
}

/** Records are `LENGTH KEY=VALUE\n`; the value is bytes and may hold anything, newlines and zeros too. */
function paxRecords(body: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const length = Number(body.toString('latin1', at, space));
    const equals = body.indexOf(0x3d, space);
    if (!(length > 0) || equals < 0 || body[at + length - 1] !== 0x0a)
      throw new Error(`tar: a PAX record is damaged at byte ${at}`);
    const key = body.toString('latin1', space + 1, equals);
    if (key.startsWith('GNU.sparse.')) throw new Error('tar: sparse members are not read');
    records.set(key, body.subarray(equals + 1, at + length - 1));
    at += length;
  }
  return records;
}

/** Octal text, or GNU's base-256: the first bit set, the rest a big-endian two's complement number. */
function number(header: Buffer, start: number, length: number): number {
  const field = header.subarray(start, start + length);
  const first = field[0] ?? 0;
  if ((first & 0x80) !== 0) {
    const bits = BigInt(length * 8 - 1);
    let value = BigInt(first & 0x7f);
    for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
    return Number(BigInt.asIntN(Number(bits), value));
  }
  const text = untilZero(field).trim();
  return text === '' ? 0 : Number.parseInt(text, 8);
}

/** `-304800294.9` is that many seconds before 1970, fraction included. */
function nanoseconds(text: string): bigint {
  const match = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text);
  if (!match) throw new Error(`tar: ${JSON.stringify(text)} is no time`);
  const value = BigInt(match[2] ?? '0') * 1_000_000_000n + BigInt((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  return match[1] === '-' ? -value : value;
}

function untilZero(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end < 0 ? bytes.length : end);
}

function checkSum(header: Buffer, at: number): void {
  let sum = 0;
  for (const [index, byte] of header.entries()) sum += index >= 148 && index < 156 ? 0x20 : byte;
  if (sum !== number(header, 148, 8)) throw new Error(`tar: the header at ${at} has a wrong checksum`);
}
