import { expect, test } from 'vitest';
import { unsupervised } from '../dist/errors.js';

test('without a monitor a new one helps, whatever was wanted', () => {
  const { code, message, hint } = unsupervised('web', 'given a restart policy');
  expect([code, message]).toEqual(['MONITOR_LOST', 'container "web" cannot be given a restart policy: its monitor was killed']);
  expect(hint).toBe('stop it and start it again: it has a monitor then');
});
