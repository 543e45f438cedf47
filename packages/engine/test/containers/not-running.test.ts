import { expect, it } from 'vitest';
import { notRunning } from '../../dist/containers/runtime-of.js';
import { containerRow } from './row.ts';

const container = { id: '1'.repeat(64), row: containerRow({ name: 'web' }) };

it.each(['created', 'exited', undefined])('a container that is %s is to be started', (status) => {
  const { message, hint } = notRunning(container, status);
  expect([message, hint]).toEqual(['container "web" does not run', 'slipway start web starts it']);
});

it('one that waits to be restarted is not: start would refuse it', () => {
  const { message, hint } = notRunning(container, 'restarting');
  expect(message).toBe('container "web" does not run: it waits to be restarted');
  expect(hint).toBe('try again when it runs, or stop it: slipway stop web');
});
