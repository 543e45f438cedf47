import assert from 'node:assert/strict';
import { isSlipwayError, type Policy, type PolicyRequest } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { namesBelow } from '../names-below.js';
import type { PolicyBench, PolicyCase } from './bench.js';
import { unreachable } from './source.js';

const operations = ['pull', 'run'] as const;

/** What is allowed, what is refused, and how. */
export function decisionLaws(law: Law<PolicyBench>): void {
  law('what it allows may be pulled and run', async ({ instance: { policy, allowed } }) => {
    for (const operation of operations) assert.equal(await policy.check({ operation, ...allowed() }), undefined);
  });

  law('what it refuses is permission-denied, for pulls and for runs', async ({ instance: { policy, refused } }) => {
    for (const operation of operations) await expectKind(policy.check({ operation, ...refused() }), 'permission-denied');
  });

  law('a refusal names the image and says more', async ({ instance: { policy, refused } }) => {
    const image = refused();
    const error = await rejection(policy, { operation: 'pull', ...image });
    assert.ok(isSlipwayError(error));
    assert.ok(error.message.includes(image.name), `"${error.message}" does not name ${image.name}`);
    assert.ok(error.message.length > image.name.length + 10, `"${error.message}" gives no reason`);
  });

  law('what was allowed to be pulled runs without a network', async ({ instance: { policy, allowed } }) => {
    const images = [allowed(), allowed()];
    for (const image of images) await policy.check({ operation: 'pull', ...image });
    for (const image of images) await policy.check({ operation: 'run', ...image, source: unreachable() });
  });

  law('what was allowed to be pulled runs without a network later, too', async ({ instance, reopen }) => {
    const image = instance.allowed();
    await instance.policy.check({ operation: 'pull', ...image });
    const { instance: later } = await reopen();
    await later.policy.check({ operation: 'run', ...image, source: unreachable() });
  });

  law('what was refused is refused again', async ({ instance: { policy, refused }, reopen }) => {
    const image = refused();
    await expectKind(policy.check({ operation: 'pull', ...image }), 'permission-denied');
    await expectKind(policy.check({ operation: 'pull', ...image }), 'permission-denied');
    const { instance: later } = await reopen();
    await expectKind(later.policy.check({ operation: 'run', ...image }), 'permission-denied');
  });

  law('a refused pull leaves nothing behind', async ({ root, instance: { policy, refused } }) => {
    const before = namesBelow(root);
    await expectKind(policy.check({ operation: 'pull', ...refused() }), 'permission-denied');
    assert.deepEqual(namesBelow(root), before);
  });

  law('many are asked at once, and each has its own answer', async ({ instance: { policy, allowed, refused } }) => {
    const images = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? allowed() : refused()));
    await eachItsOwn(policy, images);
    const again = images.map((image) => ({ ...image }));
    await eachItsOwn(policy, again);
  });

  law('one image is asked for by many at once', async ({ instance: { policy, allowed }, open }) => {
    const { instance: other } = await open();
    const image = allowed();
    const asked = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? policy : other.policy));
    await Promise.all(asked.map((one) => one.check({ operation: 'pull', ...image })));
    await Promise.all(asked.map((one) => one.check({ operation: 'run', ...image, source: unreachable() })));
  });
}

/** Every second one is refused. */
async function eachItsOwn(policy: Policy, images: readonly PolicyCase[]): Promise<void> {
  const answers = await Promise.allSettled(images.map((image) => policy.check({ operation: 'pull', ...image })));
  for (const [index, answer] of answers.entries()) {
    assert.equal(answer.status, index % 2 === 0 ? 'fulfilled' : 'rejected', `image ${index}`);
    if (answer.status === 'rejected') await expectKind(Promise.reject(answer.reason), 'permission-denied');
  }
}

async function rejection(policy: Policy, request: PolicyRequest): Promise<unknown> {
  return policy.check(request).then(
    () => assert.fail('it was allowed'),
    (error: unknown) => error,
  );
}
