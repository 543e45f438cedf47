import assert from 'node:assert/strict';
import type { VolumeDriver } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';

const wrongNames = ['', '.', '..', '.a', '-a', '_a', 'a/b', '/a', '../a', 'a b', 'a\0', 'a\n', 'ä', 'a:b', 'x'.repeat(129)];

/** What is refused, and with which kind. */
export function failureLaws(law: Law<VolumeDriver>): void {
  law('a name that is none is invalid-argument everywhere, and nothing is touched', async ({ instance: driver }) => {
    for (const name of wrongNames) {
      await expectKind(driver.create(name), 'invalid-argument');
      await expectKind(driver.inspect(name), 'invalid-argument');
      await expectKind(driver.remove(name), 'invalid-argument');
      await expectKind(driver.mount(name, 'one'), 'invalid-argument');
      await expectKind(driver.unmount(name, 'one'), 'invalid-argument');
      await expectKind(driver.usage(name), 'invalid-argument');
    }
    assert.deepEqual(await driver.list(), []);
  });

  law('the longest name, and one of a single letter, are names', async ({ instance: driver }) => {
    for (const name of ['x'.repeat(128), '7']) {
      await driver.create(name);
      await driver.mount(name, 'x'.repeat(64));
      await driver.unmount(name, 'x'.repeat(64));
      await driver.remove(name);
    }
  });

  law('what is not there is not-found', async ({ instance: driver }) => {
    await driver.create('there');
    await expectKind(driver.inspect('v'), 'not-found');
    await expectKind(driver.remove('v'), 'not-found');
    await expectKind(driver.mount('v', 'one'), 'not-found');
    await expectKind(driver.usage('v'), 'not-found');
    assert.equal((await driver.list()).length, 1);
  });

  law('options that it does not know are invalid-argument, and nothing is made', async ({ instance: driver }) => {
    for (const options of [{ 'no such option': '1' }, { __proto__x: '' }, { TYPE: 'tmpfs' }]) {
      await expectKind(driver.create('v', { options }), 'invalid-argument');
    }
    assert.deepEqual(await driver.list(), []);
  });

  law('a remove that was canceled before it began removes nothing', async ({ instance: driver }) => {
    await driver.create('v');
    await expectKind(driver.remove('v', { signal: AbortSignal.abort() }), 'canceled');
    await expectKind(driver.usage('v', { signal: AbortSignal.abort() }), 'canceled');
    assert.equal((await driver.list()).length, 1);
  });
}
