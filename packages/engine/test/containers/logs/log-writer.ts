import { appendFileSync, existsSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { LogEntry, LogsOptions } from '@slipway/plugin-api';
import { flatten } from '../../../dist/containers/logs/flatten.js';
import { readLog } from '../../../dist/containers/logs/read-log.js';

export const longestPiece = 16 * 1024;

export interface WrittenPiece {
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  readonly tag: 'F' | 'P';
  readonly text: Buffer;
}

/** Writes a log as the monitor does: the format and the rotation are plugin-api's `LogFiles`. */
export class LogWriter implements Disposable {
  readonly directory = mkdtempSync(path.join(tmpdir(), 'slipway-logs-'));
  readonly pieces: WrittenPiece[] = [];
  isLive = true;
  #ns = 1_000_000_000_000_000_000n;

  constructor(
    readonly maxBytes = 1 << 20,
    readonly maxFiles = 3,
  ) {}

  get file(): string {
    return path.join(this.directory, 'log');
  }

  write(stream: 'stdout' | 'stderr', text: string | Buffer, tag: 'F' | 'P' = 'F'): void {
    this.#ns += 1_000_001n;
    const time = `${new Date(Number(this.#ns / 1_000_000n)).toISOString().slice(0, 19)}.${String(this.#ns % 1_000_000_000n).padStart(9, '0')}Z`;
    const bytes = Buffer.concat([Buffer.from(`${time} ${stream} ${tag} `), Buffer.from(text), Buffer.from('\n')]);
    const size = existsSync(this.file) ? statSync(this.file).size : 0;
    if (size > 0 && size + bytes.length > this.maxBytes) this.rotate();
    appendFileSync(this.file, bytes);
    this.pieces.push({ time, stream, tag, text: Buffer.from(text) });
  }

  rotate(): void {
    rmSync(this.#numbered(this.maxFiles - 1), { force: true });
    for (let number = this.maxFiles - 1; number > 0; number--)
      if (existsSync(this.#numbered(number - 1))) renameSync(this.#numbered(number - 1), this.#numbered(number));
    appendFileSync(this.file, '');
  }

  /** What is in the files that are kept. */
  read(options: LogsOptions = {}): AsyncIterableIterator<LogEntry> {
    const { directory, maxFiles } = this;
    return flatten(readLog({ directory, maxFiles, isLive: async () => this.isLive }, options));
  }

  async all(options: LogsOptions = {}): Promise<LogEntry[]> {
    return Array.fromAsync(this.read(options));
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #numbered(number: number): string {
    return number === 0 ? this.file : `${this.file}.${number}`;
  }
}

export function expected(pieces: readonly WrittenPiece[]): { time: string; stream: string; bytes: string; line: string }[] {
  return pieces.map(({ time, stream, tag, text }) => ({
    time,
    stream,
    bytes: `${text.toString('latin1')}${tag === 'F' ? '\n' : ''}`,
    line: text.toString(),
  }));
}

export function shown(entries: readonly LogEntry[]): ReturnType<typeof expected> {
  return entries.map(({ time, stream, bytes, line }) => ({ time, stream, bytes: bytes.toString('latin1'), line }));
}
