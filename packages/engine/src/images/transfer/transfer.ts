import {
  type Descriptor,
  type Digest,
  type Fetcher,
  type Pusher,
  type PushOutcome,
  type Resolver,
  SlipwayError,
  step,
  type TransferProgress,
} from '@slipway/plugin-api';
import { semaphore } from '../../locks/index.js';
import type { TransferPlan } from './plan.js';

/** As many at once as containerd and Docker do. */
const concurrentTransfers = 3;
/** At most so often a blob tells of its bytes. */
const intervalMs = 50;

export interface Transfer {
  readonly plan: TransferPlan;
  readonly pusher: Pusher;
  readonly source: Fetcher;
  /** Repositories that are known to have it. */
  readonly from: (descriptor: Descriptor) => readonly string[];
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: TransferProgress) => void) | undefined;
}

export interface Transferred {
  readonly total: number;
  readonly sent: number;
  readonly sentBytes: number;
}

/** Blobs, then the manifests that need nothing but blobs, then those that need manifests, and the name last. */
export async function transfer({ plan, pusher, source, from, signal, onProgress }: Transfer): Promise<Transferred> {
  const sent: Descriptor[] = [];
  onProgress?.({ type: 'blobs', blobs: plan.blobs });
  await allAtOnce(plan.blobs, signal, async (blob, stop) => {
    const report = reporter(onProgress, blob);
    const options = { from: from(blob), signal: stop, onProgress: (bytes: number) => report('sending', bytes) };
    const outcome = await pusher.push(blob, source, options);
    if (outcome === 'pushed') sent.push(blob);
    report(outcome === 'pushed' ? 'sent' : outcome, blob.size);
  });
  step('transfer.blobs');
  for (const level of plan.levels) {
    await allAtOnce(level, signal, async (manifest, stop) => {
      const outcome: PushOutcome = await pusher.push(manifest, source, { signal: stop });
      if (outcome === 'pushed') sent.push(manifest);
    });
  }
  step('transfer.manifests');
  await pusher.complete(plan.target, { signal });
  step('transfer.completed', { digest: plan.target.digest });
  return {
    total: plan.blobs.length + plan.levels.flat().length,
    sent: sent.length,
    sentBytes: sent.reduce((bytes, { size }) => bytes + size, 0),
  };
}

/** Some at a time. The first that fails stops the others, and all have ended when this does. */
async function allAtOnce(
  descriptors: readonly Descriptor[],
  signal: AbortSignal | undefined,
  work: (descriptor: Descriptor, stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const slots = semaphore(concurrentTransfers);
  let failure: { readonly error: unknown } | undefined;
  await Promise.all(
    descriptors.map(async (descriptor) => {
      using _slot = await slots.take();
      if (failure !== undefined) return;
      try {
        await work(descriptor, stop);
      } catch (error) {
        failure ??= { error };
        failed.abort(new SlipwayError({ kind: 'canceled', code: 'CANCELED', message: 'the transfer ended before this' }));
      }
    }),
  );
  if (failure !== undefined) throw failure.error;
}

type Phase = (TransferProgress & { readonly type: 'blob' })['phase'];

/** Changes of phase at once, bytes a few times a second. */
function reporter(listener: Transfer['onProgress'], { digest, size }: Descriptor): (phase: Phase, current: number) => void {
  let lastPhase: Phase | undefined;
  let lastTime = 0;
  return (phase, current) => {
    const now = performance.now();
    if (phase === lastPhase && now - lastTime < intervalMs && current < size) return;
    lastPhase = phase;
    lastTime = now;
    listener?.({ type: 'blob', digest, phase, current, total: size });
  };
}

/** Errors: `unimplemented` where nothing can be brought to such a name. */
export function pusherOf(resolver: Resolver, name: string): Pusher {
  if (resolver.pusher !== undefined) return resolver.pusher(name);
  throw new SlipwayError({
    kind: 'unimplemented',
    code: 'RESOLVER_WITHOUT_PUSH',
    message: `nothing can be pushed to ${JSON.stringify(name)}: the resolver of that name only reads`,
    hint: 'push to a registry, or copy to oci:DIRECTORY',
  });
}

/** A digest more than once is one; for what is counted by digest. */
export function digestsOf({ blobs, levels }: TransferPlan): Digest[] {
  return [...new Set([...blobs, ...levels.flat()].map(({ digest }) => digest))];
}
