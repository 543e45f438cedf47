import type { CopyOptions, Pusher, Resolver, TransferredImage } from '@slipway/plugin-api';
import type { EngineParts } from '../../settings.js';
import { activeStack } from '../../stack.js';
import { fullName, placeOf, referenceOf, resolverFor } from '../image-names.js';
import { referrersOf } from '../referrers.js';
import { choosePlatform } from './choose-platform.js';
import { planTransfer, type TransferPlan } from './plan.js';
import { withReferrers } from './referrers-plan.js';
import { findSignatureTags, nameBeside } from './signature-tags.js';
import { SourceDocuments } from './source-documents.js';
import { pusherOf, type Transferred, transfer } from './transfer.js';

interface Copy {
  readonly parts: EngineParts;
  /** Full names. */
  readonly from: string;
  readonly to: string;
  readonly source: Resolver;
  readonly destination: Resolver;
  readonly documents: SourceDocuments;
  readonly options: CopyOptions;
}

/** From one place to another. Nothing is stored here; every byte is hashed on its way. */
export async function copyImage(
  parts: EngineParts,
  source: string,
  destination: string,
  options: CopyOptions,
): Promise<TransferredImage> {
  const { platform, signal } = options;
  const [from, to] = [fullName(parts, source), fullName(parts, destination)];
  const stack = activeStack(parts, options.stack);
  const [reader, writer] = [await resolverFor(parts, stack, from), await resolverFor(parts, stack, to)];
  await using pusher = pusherOf(writer, to);
  const { descriptor } = await reader.resolve(from, { signal });
  const documents = new SourceDocuments(reader.fetcher(from), signal);
  const copy: Copy = { parts, from, to, source: reader, destination: writer, documents, options };
  const target = platform === undefined ? descriptor : await choosePlatform(descriptor, platform, documents);
  const image = await planTransfer(target, (wanted) => documents.load(wanted));
  if (options.referrers !== true) return { name: to, target: image.target, ...(await carryOut(copy, image, pusher)) };
  const plan = await withReferrers(image, {
    documents,
    referrersOf: (subject) => referrersOf(reader, from, subject, { signal }),
    onMissing: ({ digest }) => parts.log.warn(`${digest} is listed as a referrer and is not there: it is left out`),
  });
  const signatures = await copySignatureTags(copy, image);
  const transferred = await carryOut(copy, plan, pusher);
  return { name: to, target: plan.target, ...sumOf([...signatures, transferred]) };
}

function carryOut({ parts, from, documents, options }: Copy, plan: TransferPlan, pusher: Pusher): Promise<Transferred> {
  const known = referenceOf(parts, from) === undefined ? [] : [placeOf(parts, from)];
  const { signal, onProgress } = options;
  return transfer({ plan, pusher, source: documents.content, from: () => known, signal, onProgress });
}

/** Before the image has its name, so that whoever finds it finds it signed. */
async function copySignatureTags(copy: Copy, image: TransferPlan): Promise<Transferred[]> {
  const { parts, from, to, source, destination, documents, options } = copy;
  const digests = image.levels.flat().map(({ digest }) => digest);
  const copied: Transferred[] = [];
  for (const { tag, target } of await findSignatureTags(parts, source, from, digests, options.signal)) {
    const name = nameBeside(parts, to, tag);
    if (name === undefined) continue;
    const plan = await planTransfer(target, (wanted) => documents.load(wanted));
    await using pusher = pusherOf(destination, name);
    copied.push(await carryOut({ ...copy, options: { ...options, onProgress: undefined } }, plan, pusher));
  }
  return copied;
}

function sumOf(all: readonly Transferred[]): Transferred {
  const sum = (of: (one: Transferred) => number): number => all.reduce((total, one) => total + of(one), 0);
  return { total: sum(({ total }) => total), sent: sum(({ sent }) => sent), sentBytes: sum(({ sentBytes }) => sentBytes) };
}
