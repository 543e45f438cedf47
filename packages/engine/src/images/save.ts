import {
  type ByteSink,
  type DockerImage,
  LayoutFolder,
  namedEntry,
  streamSink,
  writeArchiveFile,
  writeDockerArchive,
  writeOciArchive,
} from '@slipway/archives';
import type { Descriptor } from '@slipway/plugin-api';
import { hasCode, type Image, isSlipwayError, type SaveOptions, SlipwayError, step, wrapError } from '@slipway/plugin-api';
import { keepContent } from '../operations/keep-content.js';
import { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import { type StoredImage, storedImages } from './archive/stored-images.js';
import { referenceOf } from './image-names.js';
import { spoolFolderOf } from './load.js';
import { storedContent } from './transfer/stored-content.js';

/**
 * Writes images into one archive: what is here of them, or one platform. A file is there when all of it is; no sweep takes away what is being read.
 */
export async function saveImages(parts: EngineParts, names: readonly string[], options: SaveOptions): Promise<readonly Image[]> {
  const { format = 'oci-archive', output, signal } = options;
  if (typeof output !== 'string' && typeof output?.write !== 'function') throw noOutput();
  if (format === 'oci' && typeof output !== 'string') throw noStream();
  const images = await storedImages(parts, names, { platform: options.platform, onePlatform: format === 'docker-archive' });
  const content = [...new Map(images.flatMap((one) => one.content.map((each) => [each.digest, each]))).values()];
  await using operation = Operation.begin(parts, 'save');
  await keepContent(
    parts,
    operation,
    content.map(({ digest }) => digest),
  );
  try {
    if (format === 'oci' && typeof output === 'string') await saveLayout(parts, output, images, content, signal);
    else await writeTo(output, (sink) => saveArchive(parts, sink, format, images, content, signal), signal);
  } catch (error) {
    throw damagedHere(error);
  }
  step('save.saved', { images: images.length });
  return images.map(({ image }) => image);
}

async function saveLayout(
  parts: EngineParts,
  folder: string,
  images: readonly StoredImage[],
  content: readonly Descriptor[],
  signal: AbortSignal | undefined,
): Promise<void> {
  await using layout = await LayoutFolder.open(folder, signal);
  const source = storedContent(parts.content, folder);
  for (const descriptor of content) if (!(await layout.has(descriptor, signal))) await layout.put(descriptor, source, signal);
  await layout.name(entriesOf(images), signal);
}

function saveArchive(
  parts: EngineParts,
  sink: ByteSink,
  format: 'oci-archive' | 'docker-archive' | 'oci',
  images: readonly StoredImage[],
  content: readonly Descriptor[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const source = storedContent(parts.content, images.map(({ image }) => image.name).join(', '));
  if (format !== 'docker-archive') return writeOciArchive(sink, { entries: entriesOf(images), content, source, signal });
  return writeDockerArchive(sink, { images: dockerImages(parts, images), source, spoolFolder: spoolFolderOf(parts), signal });
}

async function writeTo(
  output: SaveOptions['output'],
  write: (sink: ByteSink) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (typeof output === 'string') return writeArchiveFile(output, write, signal);
  try {
    await write(streamSink(output, signal));
  } catch (error) {
    throw wrapError('write archive', error);
  }
}

function entriesOf(images: readonly StoredImage[]): Descriptor[] {
  return images.flatMap(({ target, names }) =>
    names.length === 0 ? [namedEntry(target, undefined)] : names.map((name) => namedEntry(target, name)),
  );
}

/** Its names are those with a tag alone. */
function dockerImages(parts: EngineParts, images: readonly StoredImage[]): DockerImage[] {
  return images.map(({ target, names }) => ({ target, names: names.filter((name) => isTagged(parts, name)) }));
}

function isTagged(parts: EngineParts, name: string): boolean {
  const reference = referenceOf(parts, name);
  return reference?.tag !== undefined && reference.digest === undefined;
}

/** What does not have its digest any more was changed on our disk. */
function damagedHere(error: unknown): unknown {
  if (!isSlipwayError(error) || !hasCode(error, 'ARCHIVE_CONTENT_MISMATCH')) return error;
  return new SlipwayError({
    kind: 'data-loss',
    code: 'CONTENT_DAMAGED',
    message: `${error.message}: it is damaged on disk`,
    hint: 'slipway verify --repair brings it in again, and so does slipway pull',
    cause: error,
    details: error.details,
  });
}

function noOutput(): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'SAVE_OUTPUT_INVALID',
    message: 'the output of images that are saved is neither a path nor a stream that can be written to',
    hint: 'give the option output',
  });
}

function noStream(): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'ARCHIVE_FORMAT_NEEDS_PATH',
    message: 'format "oci" is a folder, and cannot be written to a stream',
    hint: 'give a path, or choose oci-archive',
  });
}
