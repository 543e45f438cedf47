import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { launcher, Place } from './slipway.js';

const place = new Place();
afterAll(() => place[Symbol.dispose]());

test('systemd takes the unit that starts containers after a boot', () => {
  const unit = readFileSync(path.join(import.meta.dirname, '../systemd/slipway-restart.service'), 'utf8');
  expect(unit).toContain('\nExecStart=/usr/local/bin/slipway restart --boot\n');
  const copy = place.file('slipway-restart.service');
  writeFileSync(copy, unit.replace('/usr/local/bin/slipway', launcher));
  expect(execFileSync('sh', ['-c', 'systemd-analyze verify "$0" 2>&1', copy], { encoding: 'utf8' })).toBe('');
});
