import { closeSync, existsSync, mkdirSync } from 'node:fs';
import * as net from 'node:net';
import path from 'node:path';
import { linux } from '@slipway/linux';
import type { ContainerSettings } from '@slipway/plugin-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { attachNetworks } from '../../dist/networks/attach-networks.js';
import { holdPorts } from '../../dist/networks/hold-ports.js';
import { LivingContainers } from '../../dist/networks/living.js';
import { prepareNetwork } from '../../dist/networks/prepare-network.js';
import { readNetworkRecord, writeNetworkRecord } from '../../dist/networks/record.js';
import { Operation } from '../../dist/operations/operation.js';
import { recoverOperation } from '../../dist/operations/recovery.js';
import { containerRow } from '../containers/row.ts';
import { type FakeParts, fakeParts } from '../parts.ts';
import { FakeNetwork } from './fake-network.ts';

const id = 'a'.repeat(64);
let parts: ReturnType<typeof fakeParts> & FakeParts;
let fake: FakeNetwork;
beforeEach(() => {
  fake = new FakeNetwork();
  parts = { ...fakeParts(), networks: { ids: ['cni'], declares: () => ({}), get: async () => fake.network } as never };
});
afterEach(() => parts[Symbol.dispose]());
const bundle = () => path.join(parts.settings.state, 'containers', id);

/** As a start does it, up to where the runtime comes in. */
async function start(settings: ContainerSettings) {
  const row = containerRow({ network: 'cni', settings });
  using prepared = prepareNetwork(parts, { id, row, image: {} as never, fleeting: false });
  const operation = Operation.begin(parts, 'run', id);
  try {
    mkdirSync(bundle(), { recursive: true });
    operation.acquire({ kind: 'bundle', directory: bundle() });
    const attachments = await attachNetworks(parts, operation, { id, row, prepared, hostname: 'host' });
    return { operation, attachments };
  } catch (error) {
    await operation.end();
    throw error;
  }
}

describe('a start', () => {
  it('notes what may be attached before it is, and its end takes all back', async () => {
    const { operation, attachments } = await start({ network: 'a', ports: [{ containerPort: 80 }] });
    expect(attachments).toHaveLength(1);
    const record = readNetworkRecord(parts.settings.state, id);
    // It has no IPv6 address.
    expect(record).toMatchObject({ plugin: 'cni', ports: [{ hostAddress: '0.0.0.0', containerPort: 80 }] });
    expect(record?.ports).toHaveLength(1);
    await operation.end();
    expect(fake.attached.size).toBe(0);
    expect(existsSync(bundle())).toBe(false);
  });

  it('that cannot attach takes back what it may have attached, and its ports are free', async () => {
    fake.failing = 'attach';
    const held = linux.holdPort({ protocol: 'tcp', address: '0.0.0.0', port: 0 });
    closeSync(held.fd);
    await expect(start({ network: 'a', ports: [{ containerPort: 80, hostPort: held.port }] })).rejects.toThrow('attach fails');
    expect(fake.calls).toEqual(['attach', 'attachments', 'detach', 'attachments']);
    closeSync(linux.holdPort({ protocol: 'tcp', address: '0.0.0.0', port: held.port }).fd);
  });

  it('whose networks cannot be released leaves a record, which the next call finishes', async () => {
    const { operation } = await start({ network: 'a' });
    fake.failing = 'detach';
    await operation.end();
    expect(fake.attached.size).toBe(1);
    fake.failing = undefined;
    expect(existsSync(bundle())).toBe(true);
    expect(await recoverOperation(parts, operation.id)).toBe('recovered');
    expect(fake.attached.size).toBe(0);
    expect(existsSync(bundle())).toBe(false);
  });

  it('without networks loads no plugin, and neither does its end', async () => {
    const { operation, attachments } = await start({});
    expect(attachments).toEqual([]);
    await operation.end();
    expect(fake.calls).toEqual([]);
  });

  it('is refused where the stack has no networks', async () => {
    const row = containerRow({ settings: { network: 'a' } });
    using prepared = prepareNetwork(parts, { id, row, image: {} as never, fleeting: false });
    await using operation = Operation.begin(parts, 'run', id);
    await expect(attachNetworks(parts, operation, { id, row, prepared, hostname: 'host' })).rejects.toMatchObject({
      code: 'NETWORK_PLUGIN_NONE',
    });
  });
});

describe('ports that are held', () => {
  it('are the same number in both families, and all or none', async () => {
    using held = holdPorts(parts, [{ containerPort: 80 }, { containerPort: 53, protocol: 'udp' }]);
    expect(held.ports.map(({ hostAddress, protocol }) => `${hostAddress} ${protocol}`)).toEqual([
      '0.0.0.0 tcp',
      ':: tcp',
      '0.0.0.0 udp',
      ':: udp',
    ]);
    const [first, second] = held.ports;
    expect(first?.hostPort).toBe(second?.hostPort);
    const taken = first?.hostPort ?? 0;
    const free = linux.holdPort({ protocol: 'tcp', address: '0.0.0.0', port: 0 });
    closeSync(free.fd);
    expect(() =>
      holdPorts(parts, [
        { containerPort: 1, hostPort: free.port },
        { containerPort: 2, hostPort: taken },
      ]),
    ).toThrow(expect.objectContaining({ code: 'PORT_IN_USE' }));
    closeSync(linux.holdPort({ protocol: 'tcp', address: '0.0.0.0', port: free.port }).fd);
  });

  it('tell which program has one, or which container', async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    expect(() => holdPorts(parts, [{ containerPort: 1, hostPort: port }])).toThrow(`in use by process ${process.pid} (`);
    server.close();
    using held = holdPorts(parts, [{ containerPort: 80 }]);
    writeNetworkRecord(parts.settings.state, id, { plugin: 'cni', ports: held.ports });
    expect(() => holdPorts(parts, [{ containerPort: 1, hostPort: held.ports[0]?.hostPort }])).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(`in use by container "${id.slice(0, 12)}"`),
        details: expect.objectContaining({ container: id }),
      }),
    );
  });
});

it('the living are those whose runs have a record when they are asked for', async () => {
  const living = new LivingContainers(parts.settings.state);
  expect(living.has(id)).toBe(false);
  const operation = Operation.begin(parts, 'run', id);
  expect(living.has(id)).toBe(true);
  expect([...new LivingContainers(parts.settings.state)]).toEqual([id]);
  await operation.end();
  expect(living.has(id)).toBe(false);
});
