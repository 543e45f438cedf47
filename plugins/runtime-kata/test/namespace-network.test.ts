import * as v from 'valibot';
import { expect, test } from 'vitest';
import { listOf } from '../dist/network/namespace-network.js';

const schema = v.object({ ifname: v.string() });

test('what iproute2 prints is read, or refused with the command: it was an error of another library', () => {
  expect(listOf(schema, ['-j', 'address', 'show'], '[{"ifname":"eth0"},{"ifname":"lo","more":1}]')).toEqual([
    { ifname: 'eth0' },
    { ifname: 'lo' },
  ]);
  for (const text of ['', 'Object "address" is unknown', '{}', '[{"ifname":1}]'])
    expect(() => listOf(schema, ['-j', 'address', 'show'], text), text).toThrow(
      expect.objectContaining({
        kind: 'failed-precondition',
        code: 'MACHINE_NETWORK_FAILED',
        message: expect.stringContaining('"ip -j address show"') as string,
      }),
    );
});
