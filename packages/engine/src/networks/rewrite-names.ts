import { open } from 'node:fs/promises';
import path from 'node:path';
import { hasCode, type NetworkAttachment } from '@slipway/plugin-api';
import { bundleDirectory } from '../containers/folder.js';
import type { ContainerRow } from '../metadata/containers.js';
import type { EngineParts } from '../settings.js';
import type { NameFile } from './name-mounts.js';
import { nameText } from './write-names.js';

export interface RewriteNames {
  readonly id: string;
  readonly row: Pick<ContainerRow, 'settings'>;
  readonly hostname: string | undefined;
  readonly before: readonly NetworkAttachment[];
  readonly after: readonly NetworkAttachment[];
}

/**
 * What its files say of its networks, as they are now. What the container wrote below that stays; one that it has changed altogether is its own, until the next start. It is well connected
 * also where this fails.
 */
export async function rewriteNames(
  parts: EngineParts,
  { id, row: { settings }, hostname, before, after }: RewriteNames,
): Promise<void> {
  const textOf = (file: NameFile, attachments: readonly NetworkAttachment[]): string =>
    nameText(file, { isAlone: attachments.length === 0, isOfHost: false, settings, hostname, attachments });
  for (const file of ['hosts', 'resolv.conf'] as const) {
    try {
      const name = path.join(bundleDirectory(parts.settings.state, id), file);
      await replaceBeginning(name, textOf(file, before), textOf(file, after));
    } catch (error) {
      parts.log.warn(`/etc/${file} of container "${id}" stays as it was: ${String(error)}`);
    }
  }
}

/** Longer than any that we write. What a container makes of it may be of any length, and is not read. */
const maxBytes = 1024 * 1024;

/** In place: it is mounted in the container, and a new file would be another one. */
async function replaceBeginning(name: string, before: string, after: string): Promise<void> {
  const file = await open(name, 'r+').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (file === undefined || before === after) return file?.close();
  try {
    if ((await file.stat()).size > maxBytes) return;
    const text = await file.readFile('utf8');
    if (!text.startsWith(before)) return;
    const bytes = Buffer.from(after + text.slice(before.length));
    await file.write(bytes, 0, bytes.length, 0);
    await file.truncate(bytes.length);
  } finally {
    await file.close();
  }
}
