import type { PublishedPort } from '@slipway/plugin-api';
import { expect, test } from 'vitest';
import { portsText } from '../src/containers/ports-text.js';

const port = (hostAddress: string, hostPort: number, containerPort: number, protocol: PublishedPort['protocol'] = 'tcp') => ({
  hostAddress,
  hostPort,
  containerPort,
  protocol,
});

test.each<[readonly PublishedPort[], string]>([
  [[], ''],
  [[port('::', 8080, 80), port('0.0.0.0', 8080, 80)], '0.0.0.0:8080->80/tcp, [::]:8080->80/tcp'],
  [[port('127.0.0.1', 53, 53, 'udp'), port('127.0.0.1', 53, 53)], '127.0.0.1:53->53/tcp, 127.0.0.1:53->53/udp'],
  [
    [0, 1, 2].flatMap((n) => [port('0.0.0.0', 8000 + n, 80 + n), port('::', 8000 + n, 80 + n)]),
    '0.0.0.0:8000-8002->80-82/tcp, [::]:8000-8002->80-82/tcp',
  ],
  [[port('0.0.0.0', 8000, 80), port('0.0.0.0', 9000, 81)], '0.0.0.0:8000->80/tcp, 0.0.0.0:9000->81/tcp'],
  [[port('0.0.0.0', 8000, 80), port('0.0.0.0', 8001, 80)], '0.0.0.0:8000->80/tcp, 0.0.0.0:8001->80/tcp'],
  [[port('0.0.0.0', 8000, 80), port('0.0.0.0', 8001, 81, 'udp')], '0.0.0.0:8000->80/tcp, 0.0.0.0:8001->81/udp'],
])('%j is %s', (ports, text) => {
  expect(portsText(ports)).toBe(text);
});
