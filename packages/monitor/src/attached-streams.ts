import type { Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import type { TerminalSize } from '@slipway/plugin-api';

/** Kinds of frames: u8 kind, u32 little-endian length, payload. */
const toMonitor = { stdin: 0, stdinEnd: 1, resize: 2 } as const;
const fromMonitor = { stdout: 1, stderr: 2, exit: 3 } as const;
const headerBytes = 5;
const maxPayloadBytes = 65_536;

export interface AttachWish {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** The streams of a container, framed over one connection to its monitor. */
export class FramedStreams {
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  readonly #socket: Socket;
  readonly #onExit: (strings: readonly string[]) => void;
  #pending: Buffer = Buffer.alloc(0);
  #exited = false;
  /** Outputs that hold the connection up. */
  readonly #full = new Set<Readable>();

  constructor(socket: Socket, wanted: AttachWish, onExit: (strings: readonly string[]) => void) {
    this.#socket = socket;
    this.#onExit = onExit;
    this.stdin = wanted.stdin ? this.#input() : undefined;
    this.stdout = wanted.stdout ? this.#output() : undefined;
    this.stderr = wanted.stderr ? this.#output() : undefined;
    socket.on('close', () => this.#close());
  }

  /** Throws on bytes that can be no frame. */
  push(chunk: Buffer): void {
    let bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (bytes.length >= headerBytes) {
      const length = bytes.readUInt32LE(1);
      if (length > maxPayloadBytes) throw new Error(`the monitor sent ${length} bytes of output in one frame`);
      if (bytes.length < headerBytes + length) break;
      this.#take(bytes.readUInt8(0), bytes.subarray(headerBytes, headerBytes + length));
      bytes = bytes.subarray(headerBytes + length);
    }
    this.#pending = bytes;
  }

  resize({ columns, rows }: TerminalSize): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt16LE(columns, 0);
    payload.writeUInt16LE(rows, 2);
    this.#socket.write(frame(toMonitor.resize, payload));
  }

  #take(kind: number, payload: Buffer): void {
    if (kind === fromMonitor.exit) {
      this.#exited = true;
      this.#onExit(payload.toString().split('\0'));
      for (const stream of [this.stdout, this.stderr]) stream?.push(null);
      return;
    }
    const stream = kind === fromMonitor.stdout ? this.stdout : kind === fromMonitor.stderr ? this.stderr : undefined;
    if (stream === undefined) throw new Error(`the monitor sent a frame of kind ${kind}`);
    // One connection holds both streams: who reads one of them slowly holds up both, and the container.
    if (stream.destroyed || stream.push(payload)) return;
    this.#full.add(stream);
    this.#socket.pause();
  }

  #output(): Readable {
    const stream: Readable = new Readable({
      read: () => this.#takesMore(stream),
      destroy: (error, callback) => {
        this.#takesMore(stream);
        callback(error);
      },
    });
    return stream.on('error', () => {});
  }

  #takesMore(stream: Readable): void {
    this.#full.delete(stream);
    if (this.#full.size === 0) this.#socket.resume();
  }

  #input(): Writable {
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, callback) => {
        const frames: Buffer[] = [];
        for (let at = 0; at < chunk.length; at += maxPayloadBytes)
          frames.push(frame(toMonitor.stdin, chunk.subarray(at, at + maxPayloadBytes)));
        this.#socket.write(Buffer.concat(frames), callback);
      },
      final: (callback) => void this.#socket.write(frame(toMonitor.stdinEnd, Buffer.alloc(0)), callback),
    });
    return stream.on('error', () => {});
  }

  #close(): void {
    this.stdin?.destroy();
    // What was received can still be read when its end was received too.
    if (!this.#exited) for (const stream of [this.stdout, this.stderr]) stream?.destroy(new Error('the connection was lost'));
  }
}

function frame(kind: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt8(kind, 0);
  header.writeUInt32LE(payload.length, 1);
  return Buffer.concat([header, payload]);
}
