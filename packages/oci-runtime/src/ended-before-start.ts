import { closeSync, constants, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { neutralize } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';
import type { ContainerFolder } from './container-folder.js';

const maxBytes = 4096;
const maxLength = 1500;

/** Why what was created is there no more, where the container's process has left the reason in the file `ended`: one that stands for a process of a virtual machine does. */
export function endedBeforeStart({ id, directory }: ContainerFolder): SlipwayError | undefined {
  const why = readBeginning(path.join(directory, 'ended'));
  if (why === undefined) return undefined;
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'CONTAINER_STATE',
    message: `container "${id}" cannot be started: its first process ended before: ${neutralize(why.trim(), maxLength)}`,
    details: { id },
  });
}

function readBeginning(file: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const bytes = Buffer.alloc(maxBytes);
    return bytes.toString('utf8', 0, readSync(fd, bytes));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
