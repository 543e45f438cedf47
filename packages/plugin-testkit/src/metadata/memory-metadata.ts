import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { type MetadataStore, SlipwayError } from '@slipway/plugin-api';
import { reading, type StoredRows, writing } from './memory-transaction.js';

/** What a store in memory keeps. Two stores on one place are as two on one folder. */
export class MemoryMetadataPlace {
  rows: StoredRows = new Map();
}

/**
 * A {@link MetadataStore} in memory, for tests of parts that need one. It keeps the laws of metadata.v1 of one process. Rows stay as long
 * as the place does: give it to the next store to go on with what is there.
 */
export function memoryMetadata(place: MemoryMetadataPlace = new MemoryMetadataPlace()): MetadataStore & AsyncDisposable {
  let isClosed = false;
  return {
    read(fn) {
      if (isClosed) throw closed('read');
      return reading(place.rows, fn);
    },
    async write(fn) {
      if (isClosed) throw closed('write');
      // A write called inside another one's callback comes after it.
      await Promise.resolve();
      const { rows, result } = writing(place.rows, fn);
      place.rows = rows;
      return result;
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
    },
  };
}

/** The same in a file that several processes may use and that outlives them. Slow: every transaction reads the whole file. */
export function fileMetadata(file: string): MetadataStore & AsyncDisposable {
  let isClosed = false;
  // One process's writes are in the order of their calls, as a lock that is tried again and again would not keep them.
  let last: Promise<unknown> = Promise.resolve();
  return {
    read(fn) {
      if (isClosed) throw closed('read');
      return reading(load(file), fn);
    },
    async write(fn) {
      if (isClosed) throw closed('write');
      const written = last.then(() => writeLocked(file, fn));
      last = written.catch(() => undefined);
      return await written;
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await last;
    },
  };
}

async function writeLocked<R>(file: string, fn: Parameters<typeof writing<R>>[1]): Promise<R> {
  const lock = openSync(`${file}.lock`, 'a');
  try {
    while (!linux.tryFlock(lock, 'exclusive')) await setTimeout(1);
    const { rows, result } = writing(load(file), fn);
    save(file, rows);
    return result;
  } finally {
    closeSync(lock);
  }
}

function load(file: string): StoredRows {
  if (!existsSync(file)) return new Map();
  const tables = JSON.parse(readFileSync(file, 'utf8')) as [string, [string, string][]][];
  return new Map(tables.map(([name, entries]) => [name, new Map(entries)]));
}

function save(file: string, rows: StoredRows): void {
  const fd = openSync(`${file}.new`, 'w');
  try {
    writeFileSync(fd, JSON.stringify([...rows].map(([name, entries]) => [name, [...entries]])));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${file}.new`, file);
}

function closed(what: string): SlipwayError {
  const message = `${what} metadata: the store was closed`;
  return new SlipwayError({ kind: 'failed-precondition', code: 'METADATA_CLOSED', message });
}
