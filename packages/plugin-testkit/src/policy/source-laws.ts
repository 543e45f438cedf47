import assert from 'node:assert/strict';
import { digestOf } from '@slipway/oci';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import type { PolicyBench } from './bench.js';
import { damaged, endless, silent, unreachable, watched } from './source.js';

/** Far more than anybody needs to say of an image, far less than a disk or memory has. */
const maxTakenBytes = 64 * 1024 * 1024;

/** What a source yields is not verified, and may not come. A policy that asks no source keeps these laws by that. */
export function sourceLaws(law: Law<PolicyBench>): void {
  law('content that was changed on its way vouches for nothing', async ({ instance: { policy, allowed } }) => {
    const image = allowed();
    const { source, taken } = watched(image.source, damaged);
    const outcome = await settle(policy.check({ operation: 'pull', ...image, source }));
    assert.ok(taken() === 0 || outcome.error !== undefined, 'it was allowed by content that was changed');
  });

  law('what vouches for one image vouches for no other', async ({ instance: { policy, allowed } }) => {
    const image = allowed();
    const { source, taken } = watched(image.source);
    await policy.check({ operation: 'pull', ...image, source });
    if (taken() === 0) return;
    const other = { ...image.target, digest: digestOf(`not ${image.target.digest}`) };
    const outcome = await settle(policy.check({ operation: 'pull', ...image, target: other }));
    assert.ok(outcome.error !== undefined, 'another digest was allowed');
  });

  law('content without an end is given up', async ({ instance: { policy, allowed } }) => {
    const image = allowed();
    const { source, taken } = watched(image.source, endless);
    const outcome = await settle(policy.check({ operation: 'pull', ...image, source }));
    assert.ok(taken() < maxTakenBytes, `${taken()} bytes were taken`);
    assert.ok(taken() === 0 || outcome.error !== undefined, 'it was allowed by content that has no end');
  });

  law('a source that cannot be reached is unavailable, which is no refusal and no leave', async ({ instance }) => {
    const image = instance.allowed();
    const { source, asked } = watched(unreachable());
    const checked = instance.policy.check({ operation: 'pull', ...image, source });
    const outcome = await settle(checked);
    if (asked() > 0) await expectKind(checked, 'unavailable');
    else assert.equal(outcome.error, undefined);
    // And it is not remembered.
    await instance.policy.check({ operation: 'pull', ...image });
  });

  law('a source that does not answer is left when the signal says so', async ({ instance: { policy, allowed } }) => {
    const { source, asked } = silent();
    const abort = new AbortController();
    const checked = policy.check({ operation: 'pull', ...allowed(), source, signal: abort.signal });
    const settled = settle(checked);
    const wasAsked = await Promise.race([asked.then(() => true), settled.then(() => false)]);
    abort.abort();
    if (wasAsked) await expectKind(checked, 'canceled');
    else assert.equal((await settled).error, undefined);
  });

  law('what was canceled before it began asks nobody', async ({ instance: { policy, allowed } }) => {
    const image = allowed();
    const { source, asked } = watched(image.source);
    await expectKind(policy.check({ operation: 'pull', ...image, source, signal: AbortSignal.abort() }), 'canceled');
    assert.equal(asked(), 0);
  });
}

async function settle(work: Promise<void>): Promise<{ readonly error?: unknown }> {
  return work.then(
    () => ({}),
    (error: unknown) => ({ error: error ?? 'rejected with nothing' }),
  );
}
