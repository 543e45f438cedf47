import { formatPlatform, isIndexType } from '@slipway/oci';
import {
  type Descriptor,
  type Digest,
  type Image,
  isKind,
  isSlipwayError,
  type Platform,
  type PushImageOptions,
  SlipwayError,
  type TransferredImage,
} from '@slipway/plugin-api';
import { contentTable } from '../../metadata/content.js';
import { type Labels, sourceLabels, sourceRepositories } from '../../metadata/labels.js';
import { putLabels } from '../../metadata/put-labels.js';
import { rowKey } from '../../metadata/rows.js';
import { keepContent } from '../../operations/keep-content.js';
import { Operation } from '../../operations/operation.js';
import { readManifestDocument, readRunnableConfig } from '../../pull/document.js';
import type { EngineParts } from '../../settings.js';
import { activeStack } from '../../stack.js';
import { findImage } from '../describe.js';
import { fullName, referenceOf, resolverFor } from '../image-names.js';
import { choosePlatform } from './choose-platform.js';
import { planTransfer, type TransferPlan } from './plan.js';
import { contentMissing, storedContent } from './stored-content.js';
import { digestsOf, pusherOf, transfer } from './transfer.js';

/** Sends what the registry lacks, then gives it the name, and notes that it is there now. */
export async function pushImage(parts: EngineParts, name: string, options: PushImageOptions): Promise<TransferredImage> {
  const image = imageToPush(parts, name, options.to);
  const destination = fullName(parts, options.to ?? image.name);
  const resolver = await resolverFor(parts, activeStack(parts, options.stack), destination);
  await using operation = Operation.begin(parts, 'push');
  const plan = await planPush(parts, image, options);
  const digests = digestsOf(plan);
  await keepContent(parts, operation, digests);
  await using pusher = pusherOf(resolver, destination);
  const { signal, onProgress } = options;
  const source = storedContent(parts.content, image.name);
  const repositories = (digest: Digest): readonly string[] => sourceRepositories(labelsOf(parts, digest));
  // A layer that was discarded has no labels any more; it is where its manifest came from.
  const from = ({ digest }: Descriptor): readonly string[] => [...repositories(digest), ...repositories(plan.target.digest)];
  const transferred = await transfer({ plan, pusher, source, from, signal, onProgress });
  await noteSource(parts, destination, digests);
  return { name: destination, target: plan.target, ...transferred };
}

/** By a digest it may have several names, of which nothing says to which one it is to go. */
function imageToPush(parts: EngineParts, name: string, to: string | undefined): Image {
  const { image, names } = findImage(parts, name);
  if (names.length === 1 || to !== undefined) return image;
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'IMAGE_HAS_SEVERAL_NAMES',
    message: `image ${JSON.stringify(name)} has ${names.length} names: ${names.join(', ')}`,
    hint: 'push it by name',
    details: { names },
  });
}

/**
 * The whole index when all of it is here, as its digest is what people refer to; with one platform here, as after a pull, that platform's
 * manifest, as docker does. Between the two nothing says what is meant. Errors: `failed-precondition`.
 */
async function planPush(parts: EngineParts, image: Image, { platform }: PushImageOptions): Promise<TransferPlan> {
  const plan = (target: Descriptor): Promise<TransferPlan> =>
    planTransfer(target, async (descriptor) => {
      try {
        return await readManifestDocument(parts.content, descriptor);
      } catch (error) {
        if (isKind(error, 'not-found')) return undefined;
        throw error;
      }
    });
  const required = async (target: Descriptor): Promise<TransferPlan> => {
    const found = await plan(target);
    const [missing] = found.absent;
    if (missing !== undefined) throw contentMissing(image.name, missing);
    return found;
  };
  if (platform !== undefined) return required(await manifestFor(parts, image, platform));
  const whole = await plan(image.target);
  if (whole.absent.length === 0) return whole;
  const here = (whole.levels[0] ?? []).filter(({ mediaType }) => !isIndexType(mediaType));
  const [only] = here;
  if (only === undefined) throw contentMissing(image.name, whole.absent[0] as Descriptor);
  if (here.length > 1) throw incomplete(image, whole, here.length);
  parts.log.warn(
    `of index ${image.target.digest} one manifest is here: ${only.digest} is pushed alone, under which digest others will find it`,
  );
  return required(only);
}

async function manifestFor({ content }: EngineParts, image: Image, platform: Platform): Promise<Descriptor> {
  try {
    return await choosePlatform(image.target, platform, {
      load: (descriptor) => readManifestDocument(content, descriptor),
      configOf: (manifest) => readRunnableConfig(content, manifest),
    });
  } catch (error) {
    if (!isSlipwayError(error) || error.code !== 'CONTENT_NOT_FOUND') throw error;
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'IMAGE_CONTENT_MISSING',
      message: `platform "${formatPlatform(platform)}" of image ${JSON.stringify(image.name)} is not here: ${error.message}`,
      hint: `slipway pull --platform ${formatPlatform(platform)} brings it in`,
      cause: error,
    });
  }
}

function incomplete(image: Image, { absent }: TransferPlan, here: number): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'IMAGE_INCOMPLETE',
    message: `of the index of image ${JSON.stringify(image.name)} ${here} manifests are here and ${absent.length} are not`,
    hint: 'choose one with --platform, or pull the others; slipway copy takes an index whole from registry to registry',
    details: { absent: absent.map(({ digest }) => digest) },
  });
}

function labelsOf({ metadata }: EngineParts, digest: Digest): Labels {
  return metadata.read((tx) => tx.get(contentTable, rowKey(digest)))?.labels ?? {};
}

/** From where another push of it can be mounted. The image is there, whatever comes of this. */
async function noteSource(parts: EngineParts, destination: string, digests: readonly Digest[]): Promise<void> {
  const reference = referenceOf(parts, destination);
  if (reference === undefined) return;
  const labels = sourceLabels(reference.registry, reference.repository);
  try {
    await parts.metadata.write((tx) => putLabels(tx, new Map(digests.map((digest) => [digest, labels]))));
  } catch (error) {
    parts.log.warn(`where the image is now could not be noted: ${String(error)}`);
  }
}
