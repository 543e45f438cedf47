import { SlipwayError } from '@slipway/plugin-api';
import { expect, it } from 'vitest';
import { withName } from '../../dist/containers/with-name.js';

const id = '1'.repeat(64);

it('bug: what a runtime said of a container named it by the 64 digits of its id', async () => {
  const cause = new Error('its monitor');
  const failure = new SlipwayError({
    kind: 'failed-precondition',
    code: 'MONITOR_LOST',
    message: `container "${id}" cannot be attached to: its monitor was killed`,
    hint: 'stop it and start it again',
    cause,
    details: { id },
  });
  const found: unknown = await withName({ id, name: 'web' }, () => Promise.reject(failure)).catch((error: unknown) => error);
  expect(found).toMatchObject({
    kind: 'failed-precondition',
    code: 'MONITOR_LOST',
    message: 'container "web" cannot be attached to: its monitor was killed',
    hint: 'stop it and start it again',
    cause,
    details: { id, name: 'web' },
  });
});

it('an error that names no container is left as it is', async () => {
  const failure = new SlipwayError({ kind: 'canceled', code: 'CANCELED', message: 'no container' });
  await expect(withName({ id, name: 'web' }, () => Promise.reject(failure))).rejects.toBe(failure);
});
