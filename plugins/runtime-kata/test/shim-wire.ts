/** What the fake QEMU and the tests share: the bytes of the agent's protocol, and what a fake guest is to do. */

/** What a process of the guest does, as the tests say it in place of an OCI process. */
export interface FakeProcess {
  readonly stdout?: readonly string[];
  readonly stderr?: readonly string[];
  /** Bytes of stdout besides. */
  readonly flood?: number;
  /** stdin comes back as stdout; it ends at the end of stdin. */
  readonly cat?: boolean;
  /** Runs until it is sent a signal, which it ends by; others are printed. */
  readonly untilSignal?: readonly number[];
  /** Takes so many bytes of each write to stdin. */
  readonly sip?: number;
  /** Nobody reads stdin. */
  readonly deaf?: boolean;
  /** Somebody holds the output open when it has ended. */
  readonly holdsOutput?: boolean;
  readonly code?: number;
  readonly signal?: number;
  readonly oom?: boolean;
  /** Prints its size when it is set. */
  readonly printsSize?: boolean;
}

export interface Scenario {
  /** On stderr, at once. */
  readonly words?: string;
  /** On the console, at once. */
  readonly console?: string;
  readonly consoleFlood?: boolean;
  /** At once it tries what a QEMU might that a guest has taken over; {@link Found} is the first line of the log. */
  readonly escapes?: { readonly socket: string };
  /** The port is never opened. */
  readonly silent?: boolean;
  /** What happens at a step (`start`, `hello`, `qmp:COMMAND`, or a method): ends with a status, by a signal, sends bytes (hex), or never answers. */
  readonly at?: Record<
    string,
    {
      readonly exit?: number;
      readonly kill?: string;
      readonly send?: string;
      readonly hang?: boolean;
      readonly error?: string;
      readonly close?: boolean;
      /** Its answer comes in two parts, each before the answer to another request; the payload is `bytes` (hex). */
      readonly split?: { readonly header: string; readonly payload: string; readonly bytes: string };
    }
  >;
  /** Answers of QEMU's monitor, one after the other. */
  readonly qmp?: Record<string, readonly unknown[]>;
  /** Every request that came is written there, a line each. */
  readonly log?: number;
}

/** What it found of the host. */
export interface Found {
  readonly root: readonly string[];
  readonly ownersOfProcesses: readonly number[];
  readonly written: readonly string[];
  readonly connected: boolean;
  readonly grown: boolean;
}

function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(left & 0x7fn) | (left > 0x7fn ? 0x80 : 0));
    left >>= 7n;
  } while (left > 0n);
  return Buffer.from(bytes);
}

export function field(number: number, value: number | bigint | string | Uint8Array): Buffer {
  if (typeof value === 'number' || typeof value === 'bigint') return Buffer.concat([varint(number << 3), varint(value)]);
  const bytes = Buffer.from(value as Uint8Array);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

export function fields(message: Buffer): Map<number, Buffer | bigint> {
  const found = new Map<number, Buffer | bigint>();
  let at = 0;
  const take = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(message[at++] ?? 0);
      value |= (byte & 0x7fn) << shift;
      if (byte < 0x80n) return value;
    }
  };
  while (at < message.length) {
    const tag = Number(take());
    if ((tag & 7) === 0) found.set(tag >> 3, take());
    else {
      const length = Number(take());
      found.set(tag >> 3, message.subarray(at, at + length));
      at += length;
    }
  }
  return found;
}

export const text = (message: ReadonlyMap<number, Buffer | bigint>, number: number) => String(message.get(number) ?? '');

export function frame(stream: number, type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(10);
  header.writeUInt32BE(payload.length);
  header.writeUInt32BE(stream >>> 0, 4);
  header[8] = type;
  return Buffer.concat([header, payload]);
}
