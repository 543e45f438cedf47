import type { CopyOptions, TransferredImage } from '@slipway/plugin-api';
import type { EngineParts } from '../../settings.js';
import { activeStack } from '../../stack.js';
import { fullName, placeOf, referenceOf, resolverFor } from '../image-names.js';
import { referrersOf } from '../referrers.js';
import { choosePlatform } from './choose-platform.js';
import { planTransfer } from './plan.js';
import { withReferrers } from './referrers-plan.js';
import { SourceDocuments } from './source-documents.js';
import { pusherOf, transfer } from './transfer.js';

/** From one place to another. Nothing is stored here; every byte is hashed on its way. */
export async function copyImage(
  parts: EngineParts,
  source: string,
  destination: string,
  options: CopyOptions,
): Promise<TransferredImage> {
  const { platform, signal, onProgress } = options;
  const [from, to] = [fullName(parts, source), fullName(parts, destination)];
  const stack = activeStack(parts, options.stack);
  const resolver = await resolverFor(parts, stack, from);
  await using pusher = pusherOf(await resolverFor(parts, stack, to), to);
  const { descriptor } = await resolver.resolve(from, { signal });
  const documents = new SourceDocuments(resolver.fetcher(from), signal);
  const target = platform === undefined ? descriptor : await choosePlatform(descriptor, platform, documents);
  const image = await planTransfer(target, (wanted) => documents.load(wanted));
  const plan =
    options.referrers === true
      ? await withReferrers(image, {
          documents,
          referrersOf: (subject) => referrersOf(resolver, from, subject, { signal }),
          onMissing: ({ digest }) => parts.log.warn(`${digest} is listed as a referrer and is not there: it is left out`),
        })
      : image;
  const known = referenceOf(parts, from) === undefined ? [] : [placeOf(parts, from)];
  const transferred = await transfer({ plan, pusher, source: documents.content, from: () => known, signal, onProgress });
  return { name: to, target: plan.target, ...transferred };
}
