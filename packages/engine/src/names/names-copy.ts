import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Descriptor, hasCode, type ReadTransaction, SlipwayError, wrapError } from '@slipway/plugin-api';
import * as v from 'valibot';
import { takeLock } from '../locks/index.js';
import { type ImageRow, imagesTable } from '../metadata/images.js';
import { descriptorSchema, rowName, rowPrefix } from '../metadata/rows.js';
import type { EngineParts } from '../settings.js';

/**
 * The names and what they mean, once more, beside the metadata: the one thing that cannot be made anew from content. It is an OCI
 * image index (image-layout.md, index.json), so that other programs can read it, too. It is rewritten after every change of names.
 */
export type NamedImages = ReadonlyMap<string, ImageRow>;

const refName = 'org.opencontainers.image.ref.name';
const createdAt = 'slipway.created-at';
const updatedAt = 'slipway.updated-at';

const copySchema = v.object({
  manifests: v.array(
    v.intersect([
      descriptorSchema,
      v.object({
        annotations: v.looseObject({ [refName]: v.string(), [createdAt]: v.string(), [updatedAt]: v.string() }),
      }),
    ]),
  ),
});

export function namesFolder(root: string): string {
  return path.join(root, 'names');
}

/** What the copy says. Undefined when there is none. Errors: `data-loss` when it is damaged. */
export function readNamesCopy(root: string, file = 'index.json'): NamedImages | undefined {
  const text = readIfThere(path.join(namesFolder(root), file));
  return text === undefined ? undefined : parseCopy(text, path.join(namesFolder(root), file));
}

export function namesOf(tx: ReadTransaction): NamedImages {
  return new Map([...tx.entries(imagesTable, { prefix: rowPrefix })].map(([key, row]) => [rowName(key), row]));
}

/**
 * Brings the copy up to date. Of several processes the last one writes what all of them did, and who finds it written has
 * nothing to do.
 */
export async function writeNamesCopy({
  settings: { root },
  metadata,
}: Pick<EngineParts, 'settings' | 'metadata'>): Promise<void> {
  const file = path.join(namesFolder(root), 'index.json');
  let wanted = '';
  using lock = await takeLock(path.join(namesFolder(root), 'lock'), {
    what: 'copy the names of images',
    // Asked last while holding the lock: who changes names after that writes them after us.
    isDone: () => {
      wanted = formatCopy(metadata.read(namesOf));
      return readIfThere(file) === wanted;
    },
  });
  if (lock !== undefined) writeNamesFile(root, 'index.json', wanted);
}

/** Whole or not at all, and on disk when it returns. */
export function writeNamesFile(root: string, name: string, text: string): void {
  const folder = namesFolder(root);
  const file = path.join(folder, name);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
    const fd = openSync(folder, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw wrapError(`write ${JSON.stringify(file)}`, error);
  }
}

export function formatCopy(names: NamedImages): string {
  const manifests = [...names].map(([name, row]) => ({
    ...row.target,
    annotations: { ...row.target.annotations, [refName]: name, [createdAt]: row.createdAt, [updatedAt]: row.updatedAt },
  }));
  return `${JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests }, null, 1)}\n`;
}

function parseCopy(text: string, file: string): NamedImages {
  try {
    const { manifests } = v.parse(copySchema, JSON.parse(text));
    return new Map(
      manifests.map(({ annotations, ...target }) => {
        const { [refName]: name, [createdAt]: created, [updatedAt]: updated, ...own } = annotations;
        const hasOwn = Object.keys(own).length > 0;
        const descriptor = { ...target, ...(hasOwn ? { annotations: own } : {}) } as Descriptor;
        return [name, { target: descriptor, createdAt: created, updatedAt: updated }] as const;
      }),
    );
  } catch (cause) {
    throw new SlipwayError({
      kind: 'data-loss',
      code: 'NAMES_COPY_DAMAGED',
      message: `the copy of the names of images in ${JSON.stringify(file)} is damaged: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: 'restore the file from a backup, or remove it: the images are then to be pulled again by their names',
      cause,
      details: { file },
    });
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw wrapError(`read ${JSON.stringify(file)}`, error);
  }
}
