import assert from 'node:assert/strict';
import type { VolumeDriver } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { inVolume } from './in-volume.js';
import type { VolumeLawOptions } from './volume-laws.js';

/** Who has a volume. */
export function userLaws(law: Law<VolumeDriver>, { module, reboot }: VolumeLawOptions): void {
  law('while a user has it, it is not removed', async ({ instance: driver }) => {
    await driver.create('v');
    inVolume(await driver.mount('v', 'one'), ({ write }) => write('file', 'text'));
    await expectKind(driver.remove('v'), 'failed-precondition');
    assert.equal(
      inVolume(await driver.mount('v', 'one'), ({ read }) => read('file')),
      'text',
    );
    await driver.unmount('v', 'one');
    await driver.remove('v');
  });

  law('mount and unmount twice are as once', async ({ instance: driver }) => {
    await driver.create('v');
    await driver.mount('v', 'one');
    await driver.mount('v', 'one');
    await driver.unmount('v', 'one');
    await driver.remove('v');
    await driver.create('v');
    await driver.mount('v', 'two');
    await driver.unmount('v', 'one');
    await driver.unmount('v', 'one');
    await expectKind(driver.remove('v'), 'failed-precondition');
    await driver.unmount('v', 'two');
    await driver.remove('v');
  });

  law('several users see the same files, and each counts', async ({ instance: driver }) => {
    await driver.create('v');
    const [one, two] = [await driver.mount('v', 'one'), await driver.mount('v', 'two')];
    inVolume(one, ({ write }) => write('file', 'text'));
    assert.equal(
      inVolume(two, ({ read }) => read('file')),
      'text',
    );
    await driver.unmount('v', 'one');
    await expectKind(driver.remove('v'), 'failed-precondition');
    await driver.unmount('v', 'two');
    await driver.remove('v');
  });

  law('cleanup ends users that are no more, and no others', async ({ instance: driver }) => {
    for (const name of ['a', 'b']) await driver.create(name);
    await driver.mount('a', 'gone');
    await driver.mount('b', 'gone');
    await driver.mount('b', 'stays');
    await driver.cleanup(new Set(['stays', 'another']));
    await driver.remove('a');
    await expectKind(driver.remove('b'), 'failed-precondition');
    assert.equal((await driver.list()).length, 1);
  });

  if (module !== undefined) {
    law('users are the same in another process', async ({ instance: driver, open }) => {
      await driver.create('v');
      await driver.mount('v', 'one');
      const { instance: other } = await open();
      await expectKind(other.remove('v'), 'failed-precondition');
      await other.unmount('v', 'one');
      await driver.remove('v');
    });
  }

  if (reboot !== undefined) {
    law('after a reboot nobody has it, and it is whole', async ({ instance: driver, root, reopen }) => {
      const made = await driver.create('v');
      inVolume(await driver.mount('v', 'one'), ({ write }) => write('file', 'text'));
      await reboot(root);
      const { instance: later } = await reopen();
      assert.deepEqual(await later.list(), [made]);
      assert.equal(
        inVolume(await later.mount('v', 'two'), ({ read }) => read('file')),
        'text',
      );
      await later.unmount('v', 'two');
      await later.remove('v');
    });
  }
}
