import { type VolumeDriver, volumePoint } from '@slipway/plugin-api';
import { cleanUpLaws } from '../clean-up-laws.js';
import { lawsOn } from '../law.js';
import type { LawRunner } from '../law-runner.js';
import { manifestLaws } from '../manifest-laws.js';
import type { OpenSubject, SuiteOptions } from '../subject.js';
import { crashLaws, processLaws } from './crash-laws.js';
import { failureLaws } from './failure-laws.js';
import { inVolume } from './in-volume.js';
import { userLaws } from './user-laws.js';
import { volumeBookLaws } from './volume-book-laws.js';

export interface VolumeLawOptions extends SuiteOptions {
  /** Options of `create` that the driver takes, other than none. Absent for a driver without. */
  readonly someOptions?: Readonly<Record<string, string>> | undefined;
  /** Does to what a disposed driver left on `root` what a reboot would. Absent for what does not outlive its process. */
  readonly reboot?: ((root: string) => Promise<void>) | undefined;
}

const methods = ['create', 'inspect', 'list', 'remove', 'mount', 'unmount', 'usage', 'cleanup'] as const;

/** The laws of volume.v1, for any implementation. `steps` are looked for while volumes are made, used and removed. Needs root: volumes are mounted. */
export function volumeLaws(runner: LawRunner, open: OpenSubject<VolumeDriver>, options: VolumeLawOptions = {}): void {
  const { module, steps = [] } = options;
  const child = module === undefined ? undefined : { module, operator: new URL('./operator.js', import.meta.url).href };
  const law = lawsOn(runner, open, child);

  runner.describe('laws of volume.v1', () => {
    manifestLaws(runner, open, { point: volumePoint, methods }, options);
    runner.describe('volumes', () => volumeBookLaws(law, options));
    runner.describe('users', () => userLaws(law, options));
    runner.describe('failures', () => failureLaws(law));
    if (child !== undefined) {
      runner.describe('several processes', () => processLaws(law));
      runner.describe('kill -9', () => crashLaws(law, steps));
    }
    cleanUpLaws(runner, open, { use, afterDispose });
  });
}

async function use(driver: VolumeDriver): Promise<void> {
  await driver.create('used', { labels: { a: 'b' } });
  inVolume(await driver.mount('used', 'user'), ({ write }) => write('file', 'text'));
  await driver.usage('used');
  await driver.unmount('used', 'user');
  await driver.remove('used');
  await driver.cleanup(new Set());
}

function afterDispose(driver: VolumeDriver): Record<string, () => Promise<unknown>> {
  return {
    create: () => driver.create('late'),
    inspect: () => driver.inspect('late'),
    list: () => driver.list(),
    remove: () => driver.remove('late'),
    mount: () => driver.mount('late', 'user'),
    unmount: () => driver.unmount('late', 'user'),
    usage: () => driver.usage('late'),
    cleanup: () => driver.cleanup(new Set()),
  };
}
