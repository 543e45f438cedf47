import { isKind, type VolumeDriver } from '@slipway/plugin-api';
import type { Operate } from '../children/child-process.js';
import { inVolume } from './in-volume.js';

/** What a child process does. */
export type VolumeOperation =
  /** Says when the volume was made. */
  | readonly ['create', name: string]
  | readonly ['remove', name: string]
  | readonly ['mount', name: string, user: string]
  | readonly ['unmount', name: string, user: string]
  /** Makes it, writes into it, leaves it and removes it, this many times; others may do the same, and what they are in the way of is left out. */
  | readonly ['storm', name: string, times: number]
  | readonly ['cleanup'];

export const operate: Operate<VolumeDriver, VolumeOperation> = async (driver, operation, say) => {
  switch (operation[0]) {
    case 'create':
      return (await driver.create(operation[1])).createdAt;
    case 'remove':
      await driver.remove(operation[1]);
      return undefined;
    case 'mount': {
      const mount = await driver.mount(operation[1], operation[2]);
      inVolume(mount, ({ write }) => write('file', 'text'));
      return undefined;
    }
    case 'unmount':
      await driver.unmount(operation[1], operation[2]);
      return undefined;
    case 'storm': {
      const [, name, times] = operation;
      for (let index = 0; index < times; index++) {
        say(String(index));
        await round(driver, name);
      }
      return undefined;
    }
    case 'cleanup':
      await driver.cleanup(new Set());
      return undefined;
  }
};

async function round(driver: VolumeDriver, name: string): Promise<void> {
  const user = `p${process.pid}`;
  const unlessInTheWay = (error: unknown): void => {
    if (!isKind(error, 'not-found', 'failed-precondition')) throw error;
  };
  await driver.create(name);
  const mount = await driver.mount(name, user).catch(unlessInTheWay);
  if (mount === undefined) return;
  inVolume(mount, ({ write }) => write(user, 'text'));
  await driver.unmount(name, user).catch(unlessInTheWay);
  await driver.remove(name).catch(unlessInTheWay);
}
