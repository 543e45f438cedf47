import assert from 'node:assert/strict';
import type { ContentStore } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { absent, content, put, small, walked } from './bytes.js';

/** Capability `labels`. */
export function labelLaws(law: Law<ContentStore>, keepsLabels: boolean): void {
  if (!keepsLabels) {
    law('without the capability "labels" update is unimplemented, and a blob has none', async ({ instance: store }) => {
      const { digest } = await put(store, 'r', small);
      await expectKind(store.update(digest, { a: '1' }), 'unimplemented');
      assert.deepEqual((await store.info(digest)).labels, {});
    });
    return;
  }

  law('update replaces the labels and nothing else (Labels)', async ({ instance: store }) => {
    const { digest } = await put(store, 'r', small);
    const other = await put(store, 'r', content(10));
    const before = await store.info(digest);
    for (const labels of [{ a: '1', b: '2' }, { b: '3' }, {}, { 'containerd.io/gc.ref.content.0': digest }]) {
      assert.deepEqual(await store.update(digest, labels), { ...before, labels });
      assert.deepEqual(await store.info(digest), { ...before, labels });
    }
    assert.deepEqual((await store.info(other.digest)).labels, {});
    await expectKind(store.update(absent, {}), 'not-found');
  });

  law('walk shows labels, and keys that JavaScript gives a meaning', async ({ instance: store }) => {
    const { digest } = await put(store, 'r', small);
    const labels = JSON.parse('{"__proto__":"plain","constructor":"data","é":""}') as Record<string, string>;
    await store.update(digest, labels);
    assert.equal(JSON.stringify((await walked(store))[0]?.labels), JSON.stringify(labels));
  });

  law('labels are there after reopening', async ({ instance, reopen }) => {
    const { digest } = await put(instance, 'r', small);
    await instance.update(digest, { a: '1' });
    assert.deepEqual((await (await reopen()).instance.info(digest)).labels, { a: '1' });
  });

  law('labels end with their blob', async ({ instance: store }) => {
    const { digest } = await put(store, 'r', small);
    await store.update(digest, { a: '1' });
    await store.delete(digest);
    await expectKind(store.update(digest, { a: '2' }), 'not-found');
    await put(store, 'r', small);
    assert.deepEqual((await store.info(digest)).labels, {});
  });
}
