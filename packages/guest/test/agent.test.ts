import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AgentService, Health, specMessage, statsOf } from '@slipway/kata-agent';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Container, folder as guestFolder, processOf, specOf, storages, unlimited } from './agent-calls.js';
import { bootWithoutPort, Machine, makeParts, type Parts, withoutVerity } from './agent-machine.js';

const { method } = AgentService;
const folder = mkdtempSync(path.join(tmpdir(), 'slipway-agent-'));
const script = (text: string, more = {}) => processOf(['sh', '-c', text], more);
let parts: Parts;
let machine: Machine;
let container: Container;

beforeAll(async () => {
  parts = await makeParts(folder);
  machine = await Machine.boot(parts, path.join(folder, 'shared'), [
    ...['-netdev', 'user,id=n0,restrict=on', '-device', 'virtio-net-pci,netdev=n0,mac=52:54:00:12:34:56'],
  ]);
  container = new Container(machine.agent);
});

afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

afterEach(async () => {
  // What a test that failed has left: the next one has a chance.
  if (machine.isRunning()) await container.remove().catch(() => undefined);
});

async function refusal(asked: Promise<unknown>): Promise<string> {
  return await asked.then(
    () => 'done',
    (error: Error) => error.message,
  );
}

it('is well, says who it is, takes the time and random bytes', async () => {
  const { agent } = machine;
  expect(await agent.call(Health.method.check, {})).toMatchObject({ status: 1 });
  expect((await agent.call(Health.method.version, {})).agentVersion).toMatch(/^\d+\.\d+\.\d+$/);
  const { agentDetails } = await agent.call(method.getGuestDetails, {});
  expect(agentDetails).toMatchObject({ initDaemon: true });
  expect(agentDetails?.storageHandlers).toEqual(['blk', 'overlayfs', 'virtio-fs']);
  await agent.call(method.setGuestDateTime, { Sec: 1_900_000_000n, Usec: 0n });
  await agent.call(method.reseedRandomDev, { data: Buffer.alloc(256, 7) });
  expect(await refusal(agent.call(method.reseedRandomDev, { data: Buffer.alloc(0) }))).toMatch(/0 random bytes/);
  await container.run(processOf(['date', '-u', '+%Y']));
  expect(await container.readAll()).toBe('2030\n');
  expect(await container.wait()).toMatchObject({ status: 0 });
  await container.remove();
});

it('refuses what it does not know, and goes on', async () => {
  const unknown = { ...method.startContainer, name: 'StartNothing' };
  expect(await refusal(machine.agent.call(unknown, { containerId: 'c1' }))).toMatch(
    /no method "grpc.AgentService\/StartNothing"/,
  );
  expect(await refusal(container.start())).toMatch(/no container "c1"/);
});

it('runs a container over its layers: output, input, error, exit code', async () => {
  await container.run(script('cat; echo error >&2; touch /made; ls / | grep made; grep -o "lowerdir.*" /proc/mounts; exit 7'));
  expect(await container.write('typed\n')).toBe(6);
  await container.closeInput();
  expect(await container.readAll()).toBe('typed\nmade\nlowerdir=layers/0,upperdir=upper/upper,workdir=upper/work 0 0\n');
  expect(await container.readAll('c1', 'err')).toBe('error\n');
  expect(await container.wait()).toEqual({ status: 7, signal: 0, oomKilled: false });
  await container.remove();
  // What was written is on the disk, and the names are free again.
  await container.run(script('ls /made; echo >&2'));
  expect(await container.readAll()).toBe('/made\n');
  expect(await container.wait()).toMatchObject({ status: 0 });
  await container.remove();
});

it('runs many commands in it, each with streams and a code of its own', async () => {
  await container.run(processOf(['sleep', '1000']));
  const numbers = [...Array(8).keys()];
  await Promise.all(numbers.map((number) => container.exec(`e${number}`, script(`echo ${number}; exit ${number}`))));
  expect(await Promise.all(numbers.map((number) => container.readAll(`e${number}`)))).toEqual(numbers.map((n) => `${n}\n`));
  const ends = await Promise.all(numbers.map((number) => container.wait(`e${number}`)));
  expect(ends.map(({ status }) => status)).toEqual(numbers);
  await container.remove();
});

it('moves megabytes both ways, and holds up who writes more than is read', async () => {
  await container.run(processOf(['sleep', '1000']));
  await container.exec('out', script('dd if=/dev/zero bs=1M count=5 2>/dev/null'));
  expect((await container.readAll('out')).length).toBe(5 << 20);
  await container.exec('in', processOf(['wc', '-c']));
  for (let i = 0; i < 40; i++) await container.write('x'.repeat(65_536), 'in');
  await container.closeInput('in');
  expect(await container.readAll('in')).toBe(`${40 * 65_536}\n`);
  await container.exec('deaf', processOf(['sleep', '1000']));
  expect(await container.write('x'.repeat(65_536), 'deaf')).toBe(65_536);
  const held = refusal(container.write('x'.repeat(65_536), 'deaf'));
  expect(await refusal(container.write('x', 'deaf'))).toMatch(/another request is being written/);
  await container.signal(9, 'deaf');
  expect(await held).toMatch(/does not read its input any more/);
  expect(await container.wait('deaf')).toEqual({ status: 137, signal: 9, oomKilled: false });
  await container.remove();
});

it('has terminals with a size', async () => {
  const size = { terminal: true, consoleSize: { height: 24, width: 80 } };
  await container.run(script('stty size; read line; stty size; kill -TERM $$; echo end', size));
  expect(await container.readLine()).toBe('24 80\r\n');
  await machine.agent.call(method.ttyWinResize, { containerId: 'c1', execId: 'c1', row: 40, column: 120 });
  await container.write('\n');
  expect(await container.readAll()).toBe('\r\n40 120\r\nend\r\n');
  expect(await container.readAll('c1', 'err')).toBe('');
  expect(await container.wait()).toMatchObject({ status: 0 });
  await container.remove();
});

it('tells the end of an output that a process left behind holds open', async () => {
  await container.run(processOf(['sleep', '1000']));
  await container.exec('parent', script('sleep 1000 & echo said'));
  expect(await container.readAll('parent')).toBe('said\n');
  expect(await container.wait('parent')).toMatchObject({ status: 0 });
  await container.remove();
});

it('freezes, thaws, limits, counts', async () => {
  const { agent } = machine;
  await container.run(processOf(['sleep', '1000']), { memory: { limit: 64 << 20 }, pids: { limit: 50 } });
  await agent.call(method.pauseContainer, { containerId: 'c1' });
  expect(await refusal(container.exec('late', processOf(['id'])))).toMatch(/"c1" is paused/);
  await agent.call(method.resumeContainer, { containerId: 'c1' });
  await container.update({ memory: { limit: 48 << 20 }, pids: { limit: 33 } });
  const stats = statsOf(await agent.call(method.statsContainer, { containerId: 'c1' }), 'now');
  expect(stats).toMatchObject({ memory: { limitBytes: BigInt(48 << 20), oomKills: 0n }, pids: { current: 1n, limit: 33n } });
  expect(stats.cpu.usageNs).toBeGreaterThan(0n);
  // A frozen one is killed, too.
  await agent.call(method.pauseContainer, { containerId: 'c1' });
  await container.signal(9, '');
  expect(await container.wait()).toEqual({ status: 137, signal: 9, oomKilled: false });
  await container.remove();
});

it('tells of memory kills, to who waits for them and to who waits for the process', async () => {
  await container.run(processOf(['sleep', '1000']), { memory: { limit: 32 << 20, swap: 32 << 20 } });
  const event = machine.agent.call(method.getOOMEvent, {}, unlimited);
  await container.exec('hungry', processOf(['tail', '/dev/zero']));
  expect(await container.wait('hungry')).toEqual({ status: 137, signal: 9, oomKilled: true });
  expect(await event).toEqual({ containerId: 'c1' });
  const stats = statsOf(await machine.agent.call(method.statsContainer, { containerId: 'c1' }), 'now');
  expect(stats.memory.oomKills).toBe(1n);
  await container.remove();
});

it('says why a container or command cannot be, and leaves nothing of it', async () => {
  const { agent } = machine;
  expect(await refusal(container.create(processOf(['/nothing'])))).toMatch(/crun create: .*`\/nothing`.*No such file/);
  const nowhere = [{ driver: 'blk', source: '/dev/disk/by-id/virtio-nothing', fstype: 'erofs', mountPoint: `${guestFolder}/x` }];
  const OCI = specMessage(specOf(processOf(['id'])));
  const create = (more: object) => refusal(agent.call(method.createContainer, { containerId: 'c1', OCI, ...more }, unlimited));
  expect(await create({ storages: nowhere })).toMatch(/no disk has the serial number.*5000 ms/);
  expect(await create({ storages: [{ ...storages[0], mountPoint: '/etc' }] })).toMatch(/"\/etc" is not a plain path below/);
  expect(await create({ storages: [{ ...storages[0], driver: 'nfs' }] })).toMatch(/driver "nfs"/);
  expect(await create({ storages: [{ ...storages[0], fstype: 'ext4' }] })).toMatch(/mount ext4 .*Invalid argument/);
  expect(await create({ containerId: '../c1' })).toMatch(/"..\/c1" is no name/);
  await container.run(processOf(['sleep', '1000']));
  expect(await refusal(container.create(processOf(['id'])))).toMatch(/a container "c1" already/);
  expect(await refusal(container.exec('x', processOf(['/nothing'])))).toMatch(/crun exec: .*`\/nothing`/);
  expect(await refusal(container.exec('x', processOf(['id'], { cwd: '/nothing' })))).toMatch(/crun exec: .*\/nothing/);
  await container.remove();
});

it("checks a disk by its hash tree, in Kata's words, and lets go of it with the container", async () => {
  const words = (values: object) => Object.entries(values).map(([key, value]) => `X-kata.dmverity.${key}=${value}`);
  const from = (...options: readonly string[]) => [{ ...storages[0], options: ['ro', ...options] }, ...storages.slice(1)];
  const enabled = 'X-kata.dmverity-enabled=true';
  const create = (...options: readonly string[]) => refusal(container.create(processOf(['id']), undefined, from(...options)));
  const { verity } = parts;
  expect(await create(...words(verity))).toMatch(/dm-verity needs "X-kata.dmverity-enabled=true"/);
  expect(await create(enabled)).toMatch(/needs .*"X-kata.dmverity.roothash" and/);
  for (const [wrong, why] of [
    [{ roothash: 'f00' }, /the root hash "f00" is not 64 hexadecimal digits/],
    [{ roothash: `${'0'.repeat(63)}g` }, /is not 64 hexadecimal digits/],
    [{ salt: 'x y' }, /the salt "x y" is not/],
    [{ hashoffset: 4097 }, /hashoffset=4097" is no multiple of 4096/],
    [{ hashoffset: -4096 }, /no multiple/],
    [{ blocksize: 512 }, /"X-kata.dmverity.blocksize=512" is not known/],
    [{ hashoffset: 1 << 30 }, /by dm-verity/],
    [{ roothash: 'a'.repeat(64) }, /what was read of the disk is not what its root hash says/],
    [{ salt: '' }, /what was read of the disk is not what its root hash says/],
  ] as const)
    expect(await create(enabled, ...words({ ...verity, ...wrong }))).toMatch(why);
  const devices = 'grep -o "dm-.*" /proc/partitions; exit 0';
  await container.create(script(devices), undefined, from(enabled, ...words({ ...verity, blocksize: 4096 })));
  await container.start();
  expect(await container.readAll()).toBe('dm-0\n');
  await container.remove();
  await container.run(script(devices));
  expect(await container.readAll()).toBe('');
  await container.remove();
});

it('copies files, but only into folders of its own', async () => {
  const copy = (name: string, more = {}) => ({ path: name, fileSize: 5n, fileMode: 0o640, data: Buffer.from('hello'), ...more });
  await machine.agent.call(method.copyFile, copy(`${guestFolder}/files/0`));
  expect(await refusal(machine.agent.call(method.copyFile, copy('/etc/hosts')))).toMatch(/not a plain path/);
  expect(await refusal(machine.agent.call(method.copyFile, copy(`${guestFolder}/../../x`)))).toMatch(/not a plain path/);
  expect(await refusal(machine.agent.call(method.copyFile, copy(`${guestFolder}/x`, { offset: 3n })))).toMatch(/beyond the end/);
  await container.run(processOf(['sleep', '1000']));
  // The container could put a link there.
  expect(await refusal(machine.agent.call(method.copyFile, copy(`${guestFolder}/rootfs/tmp/x`)))).toMatch(/cross-device/i);
  await container.remove();
});

it('has a network, found by its hardware address', async () => {
  const { agent } = machine;
  const hwAddr = '52:54:00:12:34:56';
  const IPAddresses = [
    { address: '10.0.2.15', mask: '24' },
    { family: 1, address: 'fec0::2', mask: '64' },
  ];
  const renamed = { device: 'net8', name: 'net8', hwAddr };
  await agent.call(method.updateInterface, { interface: renamed });
  await agent.call(method.updateInterface, { interface: { device: 'net9', name: 'net9', IPAddresses, mtu: 1400n, hwAddr } });
  await agent.call(method.updateRoutes, { routes: { Routes: [{ gateway: '10.0.2.2', device: 'net9' }] } });
  const Routes = [
    { dest: '10.7.0.0/16', gateway: '10.6.0.1', device: 'net9' },
    { dest: '10.6.0.0/24', device: 'net9', scope: 253, source: '10.0.2.15' },
    { dest: '10.8.0.0/16', gateway: '10.9.0.1', device: 'net9', flags: 4, metric: 77, mtu: 1300 },
    { gateway: 'fec0::1', device: 'net9', family: 1 },
  ];
  // What is there already is set once more.
  for (let times = 0; times < 2; times++) await agent.call(method.updateRoutes, { routes: { Routes } });
  for (const [wrong, why] of [
    [{ gateway: 'fec0::1', device: 'net9' }, /"fec0::1" is of another family than its route/],
    [{ gateway: '10.99.0.1', device: 'net9' }, /add the route to "default" by "10.99.0.1" on interface "net9": /],
    [{ gateway: '10.0.2.2', device: 'net8' }, /there is no interface "net8"/],
    [{ dest: '10.0.0.0/33', device: 'net9' }, /"10.0.0.0\/33" is no address/],
  ] as const)
    expect(await refusal(agent.call(method.updateRoutes, { routes: { Routes: [wrong] } }))).toMatch(why);
  const lost = { interface: { name: 'x', hwAddr: '52:54:00:00:00:00' } };
  expect(await refusal(agent.call(method.updateInterface, lost))).toMatch(/no interface has the address/);
  await container.run(
    script('ip -6 addr; ip addr; ip -6 route; ip route; ping -c 1 -W 60 10.0.2.2 | grep -c "1 packets received"'),
  );
  const said = await container.readAll();
  expect(said).toMatch(/mtu 1400 .*inet 10\.0\.2\.15\/24 brd 10\.0\.2\.255 .*inet6 fec0::2\/64 .*inet6 fe80::/s);
  expect(said).not.toContain('tentative');
  for (const route of [
    'default via fec0::1 dev net9',
    'default via 10.0.2.2 dev net9',
    '10.6.0.0/24 dev net9 scope link  src 10.0.2.15',
    '10.7.0.0/16 via 10.6.0.1 dev net9',
    '10.8.0.0/16 via 10.9.0.1 dev net9  metric 77 onlink',
  ])
    expect(said).toContain(route);
  expect(said).toMatch(/\n1\n$/);
  expect(await container.wait()).toMatchObject({ status: 0 });
  await container.remove();
});

it('mounts nothing that was to be checked where the kernel cannot', async () => {
  await using asked = await Machine.boot(withoutVerity(parts, folder), path.join(folder, 'asked'));
  const { roothash, hashoffset } = parts.verity;
  const options = ['-enabled=true', `.roothash=${roothash}`, `.hashoffset=${hashoffset}`].map((word) => `X-kata.dmverity${word}`);
  const unchecked = new Container(asked.agent).create(processOf(['id']), undefined, [
    { ...storages[0], options: ['ro', ...options] },
  ]);
  expect(await refusal(unchecked)).toMatch(/open "\/dev\/mapper\/control" for dm-verity .*: No such file/);
});

it('says on the console why it could not begin, and switches the machine off', async () => {
  const said = await bootWithoutPort(parts, path.join(folder, 'without'));
  expect(said).toMatch(/slipway-agent: no virtio-serial port is named "agent" after \d+ ms/);
});

it('switches the machine off when it is asked to', async () => {
  await using asked = machine;
  await asked.agent.call(method.destroySandbox, {});
  await asked.ended();
  expect(asked.console()).not.toContain('the host has closed the port');
});
