import { constants } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode, SlipwayError } from '@slipway/plugin-api';

/** One file of a log, open: it can be read to its end whatever becomes of its name. */
export class LogFile {
  constructor(
    readonly handle: FileHandle,
    /** Of the inode, which nothing else has while it is open. */
    readonly inode: string,
    /** When it was opened. */
    readonly size: number,
  ) {}

  close(): Promise<void> {
    return this.handle.close();
  }
}

const name = /^log(?:\.(\d+))?$/;
/** Rotations are megabytes apart; whoever meets one so often in a row looks at something else. */
const attempts = 200;

/** All files of a log, oldest first, as they were at one moment. None when nothing was written yet. */
export async function openLogFiles(directory: string): Promise<LogFile[]> {
  for (let left = attempts; ; left--) {
    const files = await openOnce(directory);
    if (files !== undefined) return files;
    if (left === 0)
      throw new SlipwayError({
        kind: 'unavailable',
        code: 'LOG_BUSY',
        message: `log in ${JSON.stringify(directory)} is rotated faster than it can be opened`,
        hint: 'let it have larger files, as with --log-opt max-size=10m',
      });
    await sleep(5);
  }
}

/** Undefined when names changed meanwhile: some were opened under their old ones, some under their new ones. */
async function openOnce(directory: string): Promise<LogFile[] | undefined> {
  const names = await namesIn(directory);
  const files: LogFile[] = [];
  try {
    for (const file of names) files.push(await openFile(path.join(directory, file)));
    const after = await namesIn(directory);
    const inodes = await Promise.all(after.map((file) => inodeAt(path.join(directory, file))));
    if (after.join() === names.join() && files.every(({ inode }, index) => inode === inodes[index])) return files;
  } catch (error) {
    await closeAll(files);
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  await closeAll(files);
  return undefined;
}

/** Oldest first. */
async function namesIn(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((file) => name.test(file));
  return names.sort((a, b) => numberOf(b) - numberOf(a));
}

function numberOf(file: string): number {
  return Number(name.exec(file)?.[1] ?? 0);
}

async function openFile(file: string): Promise<LogFile> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile())
      throw new SlipwayError({ kind: 'data-loss', code: 'LOG_INVALID', message: `log ${JSON.stringify(file)} is not a file` });
    return new LogFile(handle, `${stats.dev}:${stats.ino}`, Number(stats.size));
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Of what is written now, or of any other of the files; undefined when there is none. */
export async function inodeAt(file: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(file, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

export async function closeAll(files: Iterable<LogFile>): Promise<void> {
  for (const file of files) await file.close();
}
