import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { imageLayout, readImage, startRegistry } from '@slipway/fixtures';
import { describe, expect, it } from 'vitest';
import { checkPull, checkRemoval } from '../src/trace/durability.ts';
import { type Call, parseTrace } from '../src/trace/strace.ts';
import { launcher } from './child.ts';
import { makePlace, type Place } from './place.ts';

const traced =
  'trace=write,writev,pwrite64,pwritev,pwritev2,copy_file_range,sendfile,ftruncate,fsync,fdatasync,msync,syncfs,rename,renameat,renameat2,unlink,unlinkat';

/** The calls of a `slipway` command and all its threads. */
async function traceOf(place: Place, ...args: readonly string[]): Promise<Call[]> {
  const log = path.join(place.folder, `trace-${args[0]}`);
  const { config, root, state } = place.options;
  // Pages of lmdb are written many at once, and each must be seen whole.
  const strace = ['-f', '-y', '--seccomp-bpf', '-s', '70000', '-e', traced, '-e', 'signal=none', '-o', log];
  const child = spawn('strace', [...strace, launcher, ...args], {
    env: {
      SLIPWAY_CONFIG: config,
      SLIPWAY_ROOT: root,
      SLIPWAY_STATE: state,
      HOME: place.folder,
      PATH: `${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  expect(await once(child, 'exit')).toEqual([0, null]);
  return parseTrace(readFileSync(log, 'latin1'));
}

describe('the system calls of', () => {
  it('a pull: data before its name, names before their rows, and the name of the image last; of a removal: rows before files', async () => {
    await using registry = await startRegistry({ images: ['demo'] });
    using place = makePlace();
    const image = `${registry.address}/test/demo:latest`;
    const { layers } = readImage(imageLayout('demo')).manifest;
    const pull = checkPull(await traceOf(place, 'pull', '-q', image));
    expect(pull).toEqual({ blobs: layers.length + 2, snapshots: layers.length, names: 1, problems: [] });
    const removal = checkRemoval(await traceOf(place, 'rmi', image));
    expect(removal).toEqual({ blobs: layers.length + 2, problems: [] });
  });
});

const hex = 'a'.repeat(64);
const chain = 'b'.repeat(64);
const database = '7</r/metadata.v1/lmdb/data.mdb>';
const good = [
  '10 pwrite64(5</r/content.v1/local/ingest/x/data>, "bytes", 5, 0) = 5',
  '10 fsync(5</r/content.v1/local/ingest/x/data>) = 0',
  `11 renameat2(AT_FDCWD</>, "/r/content.v1/local/ingest/x/data", AT_FDCWD</>, "/r/content.v1/local/blobs/sha256/${hex}", RENAME_NOREPLACE) = 0`,
  '10 fsync(6</r/content.v1/local/blobs/sha256> <unfinished ...>',
  '12 write(2</dev/pts/0>, "progress", 8) = 8',
  '10 <... fsync resumed>) = 0',
  `12 pwrite64(${database}, "content\\0default/sha256:${hex}{}", 4096, 8192) = 4096`,
  `12 fdatasync(${database}) = 0`,
  `12 pwrite64(${database}, "meta", 120, 0) = 120`,
  '13 write(9</r/snapshotter.v1/overlay/snapshots/3/fs/bin/sh>, "program", 7) = 7',
  '13 syncfs(8</r/snapshotter.v1/overlay/snapshots/3/fs>) = 0',
  `12 pwrite64(${database}, "snapshotter.v1/overlay/snapshots\\0sha256:${chain}{\\"id\\":3,\\"kind\\":\\"committed\\"}", 4096, 8192) = 4096`,
  `12 pwrite64(${database}, "images\\0default/docker.io/library/a:latest{}", 4096, 12288) = 4096`,
  `12 fdatasync(${database}) = 0`,
  `12 pwrite64(${database}, "meta", 120, 0) = 120`,
];

function without(index: number): string[] {
  return good.filter((_, at) => at !== index);
}

function moved(from: number, to: number): string[] {
  const lines = without(from);
  lines.splice(to, 0, good[from] ?? '');
  return lines;
}

const problemsOf = (lines: readonly string[]): readonly string[] => checkPull(parseTrace(lines.join('\n'))).problems;

describe('the check of a trace', () => {
  it('finds nothing wrong with what is right, though threads interrupt each other', () => {
    expect(checkPull(parseTrace(good.join('\n')))).toEqual({ blobs: 1, snapshots: 1, names: 1, problems: [] });
  });

  it.each([
    { what: 'data that is never synced', lines: without(1), problem: 'not synced between its last write and its name' },
    { what: 'data written after its sync', lines: moved(0, 1), problem: 'not synced between its last write and its name' },
    { what: 'a sync after the name', lines: moved(1, 2), problem: 'not synced between its last write and its name' },
    {
      what: 'a sync that failed',
      lines: good.map((line, at) => (at === 1 ? line.replace('= 0', '= -1 EIO') : line)),
      problem: 'not synced',
    },
    {
      what: 'a folder that is never synced',
      lines: good.filter((_, at) => at !== 3 && at !== 5),
      problem: 'folder was not synced',
    },
    { what: 'a sync of the folder that ends after the row', lines: moved(5, 6), problem: 'folder was not synced' },
    { what: 'a row before the name', lines: moved(6, 2), problem: 'folder was not synced' },
    { what: 'no row at all', lines: without(6), problem: 'no row was written' },
    { what: 'a tree that is never synced', lines: without(10), problem: 'file system was not synced' },
    { what: 'a tree written after its sync', lines: moved(9, 10), problem: 'file system was not synced' },
    { what: 'a tree written after its row', lines: moved(9, 12), problem: 'written after its row' },
    { what: 'a name before a snapshot', lines: moved(12, 9), problem: 'name was recorded before' },
    { what: 'metadata that is not synced at the end', lines: without(13), problem: 'metadata was not synced' },
    { what: 'metadata whose meta page is not written', lines: without(14), problem: 'no meta page' },
  ])('finds $what', ({ lines, problem }) => {
    expect(problemsOf(lines).join('\n')).toContain(problem);
  });

  it('finds a file that goes before its row', () => {
    const marked = `1 pwrite64(${database}, "content\\0default/sha256:${hex}{\\"labels\\":{},\\"deletedBy\\":\\"x\\"}", 4096, 8192) = 4096`;
    const synced = `1 fdatasync(${database}) = 0`;
    const unlinked = `2 unlink("/r/content.v1/local/blobs/sha256/${hex}") = 0`;
    const problems = (...lines: string[]): readonly string[] => checkRemoval(parseTrace(lines.join('\n'))).problems;
    expect(problems(marked, synced, unlinked)).toEqual([]);
    expect(problems(unlinked, marked, synced).join()).toContain('before its row');
    expect(problems(marked, unlinked, synced).join()).toContain('not on disk');
    expect(problems(unlinked).join()).toContain('before its row');
  });
});
