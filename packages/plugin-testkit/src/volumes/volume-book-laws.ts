import assert from 'node:assert/strict';
import type { VolumeDriver } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { inVolume } from './in-volume.js';
import type { VolumeLawOptions } from './volume-laws.js';

/** What is there, under which name. */
export function volumeBookLaws(law: Law<VolumeDriver>, { module, someOptions }: VolumeLawOptions): void {
  law('what was created is told as it was asked for', async ({ instance: driver }) => {
    const before = Date.now();
    const made = await driver.create('v', { labels: { a: 'b', empty: '' } });
    assert.deepEqual({ ...made, createdAt: '', mountpoint: '' }, { ...empty, name: 'v', labels: { a: 'b', empty: '' } });
    assert.ok(Date.parse(made.createdAt) >= before - 1000 && Date.parse(made.createdAt) <= Date.now() + 1000, made.createdAt);
    assert.deepEqual(await driver.inspect('v'), made);
    assert.deepEqual(await driver.list(), [made]);
  });

  law('a list is in the order of names, and empty at first', async ({ instance: driver }) => {
    assert.deepEqual(await driver.list(), []);
    for (const name of ['b', 'B', 'a.1', 'a-1', 'a_1', '0', 'aa', 'a']) await driver.create(name);
    const names = (await driver.list()).map(({ name }) => name);
    assert.deepEqual(names, ['0', 'B', 'a', 'a-1', 'a.1', 'a_1', 'aa', 'b']);
  });

  law('a volume is empty at first, and keeps what is written', async ({ instance: driver }) => {
    await driver.create('v');
    const mount = await driver.mount('v', 'one');
    inVolume(mount, ({ read, write }) => {
      assert.equal(read('file'), undefined);
      write('file', 'text');
    });
    await driver.unmount('v', 'one');
    assert.equal(
      inVolume(await driver.mount('v', 'two'), ({ read }) => read('file')),
      'text',
    );
  });

  law('create of what is there gives that volume, with what is in it', async ({ instance: driver }) => {
    const first = await driver.create('v', { labels: { a: 'b' } });
    inVolume(await driver.mount('v', 'one'), ({ write }) => write('file', 'text'));
    assert.deepEqual(await driver.create('v'), first);
    assert.equal(
      inVolume(await driver.mount('v', 'one'), ({ read }) => read('file')),
      'text',
    );
  });

  if (someOptions !== undefined) {
    law('create of what is there with other options is already-exists, and changes nothing', async ({ instance: driver }) => {
      const [plain, other] = [await driver.create('plain'), await driver.create('other', { options: someOptions })];
      assert.deepEqual(other.options, someOptions);
      await expectKind(driver.create('plain', { options: someOptions }), 'already-exists');
      await expectKind(driver.create('other'), 'already-exists');
      assert.deepEqual(await driver.list(), [other, plain]);
      assert.deepEqual(await driver.create('other', { options: { ...someOptions } }), other);
    });
  }

  law('many that create one name at once get one volume', async ({ instance: driver }) => {
    const made = await Promise.all(
      Array.from({ length: 12 }, (_, index) => driver.create('v', { labels: { n: String(index) } })),
    );
    for (const each of made) assert.deepEqual(each, made[0]);
    assert.deepEqual(await driver.list(), [made[0]]);
  });

  law('a removed volume is gone with everything in it, and its name is free', async ({ instance: driver }) => {
    await driver.create('v');
    await driver.create('other');
    inVolume(await driver.mount('v', 'one'), ({ write }) => write('file', 'text'));
    await driver.unmount('v', 'one');
    await driver.remove('v');
    assert.deepEqual(
      (await driver.list()).map(({ name }) => name),
      ['other'],
    );
    await expectKind(driver.inspect('v'), 'not-found');
    await driver.create('v');
    assert.equal(
      inVolume(await driver.mount('v', 'one'), ({ read }) => read('file')),
      undefined,
    );
  });

  law('usage counts files and bytes', async ({ instance: driver }) => {
    await driver.create('v');
    assert.equal((await driver.usage('v')).files, 0);
    inVolume(await driver.mount('v', 'one'), ({ write }) => {
      write('one', 'x'.repeat(100_000));
      write('two', 'x');
    });
    const { bytes, files } = await driver.usage('v');
    assert.equal(files, 2);
    assert.ok(bytes >= 100_001 && bytes < 400_000, `found ${bytes} bytes`);
  });

  if (module === undefined) return;

  law('what was created is there when it is opened again', async ({ instance: driver, reopen }) => {
    const made = await driver.create('v', { labels: { a: 'b' } });
    inVolume(await driver.mount('v', 'one'), ({ write }) => write('file', 'text'));
    const { instance: later } = await reopen();
    assert.deepEqual(await later.list(), [made]);
    assert.equal(
      inVolume(await later.mount('v', 'one'), ({ read }) => read('file')),
      'text',
    );
  });
}

const empty = { createdAt: '', options: {}, labels: {}, mountpoint: '' };
