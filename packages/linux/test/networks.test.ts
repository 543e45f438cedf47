import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, readlinkSync } from 'node:fs';
import * as net from 'node:net';
import { linux, O_CLOEXEC } from '@slipway/linux';
import { afterEach, describe, expect, it } from 'vitest';
import { flagsOf } from './temp.ts';

const open: number[] = [];
const kept = (fd: number): number => {
  open.push(fd);
  return fd;
};
afterEach(() => {
  for (const fd of open.splice(0)) closeSync(fd);
});
const own = (): string => readlinkSync('/proc/thread-self/ns/net');
const within = (fd: number, ...command: string[]) =>
  spawnSync('nsenter', [`--net=/proc/${process.pid}/fd/${fd}`, ...command], { encoding: 'utf8' });

describe('a network namespace', () => {
  it('is another one, with its loopback up, and this thread stays where it was', () => {
    const before = own();
    const fd = kept(linux.createNetworkNamespace());
    expect(own()).toBe(before);
    expect(flagsOf(fd) & O_CLOEXEC).toBe(O_CLOEXEC);
    expect(readlinkSync(`/proc/self/fd/${fd}`)).not.toBe(before);
    expect(within(fd, 'ping', '-c1', '-W5', '127.0.0.1').status).toBe(0);
    expect(within(fd, 'ip', '-o', 'link').stdout.trim().split('\n')).toHaveLength(1);
  });

  it('is where a socket is made, and stays', async () => {
    const before = own();
    const namespace = kept(linux.createNetworkNamespace());
    const server = net.createServer((socket) => socket.end('from inside')).listen({ fd: listening(namespace) });
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    expect(own()).toBe(before);
    const outside = net.connect(port, '127.0.0.1');
    await expect(once(outside, 'connect')).rejects.toThrow('ECONNREFUSED');
    const inside = new net.Socket({ fd: linux.openSocket({ family: 4, protocol: 'tcp', namespace }) });
    inside.connect(port, '127.0.0.1');
    const [text] = (await once(inside, 'data')) as [Buffer];
    expect(text.toString()).toBe('from inside');
    inside.destroy();
    server.close();
  });
});

/** Bound by nobody: listening gives it a port. */
function listening(namespace: number): number {
  return linux.openSocket({ family: 4, protocol: 'tcp', namespace });
}

describe('a port that is held', () => {
  it.each(['tcp', 'udp'] as const)('is nobody else’s, of %s, and free again when it is closed', (protocol) => {
    const { fd, port } = linux.holdPort({ protocol, address: '127.0.0.1', port: 0 });
    expect(port).toBeGreaterThan(0);
    expect(flagsOf(fd) & O_CLOEXEC).toBe(O_CLOEXEC);
    expect(() => linux.holdPort({ protocol, address: '0.0.0.0', port })).toThrow(
      expect.objectContaining({ code: 'EADDRINUSE', syscall: 'bind' }),
    );
    kept(linux.holdPort({ protocol, address: '::1', port }).fd);
    closeSync(fd);
    kept(linux.holdPort({ protocol, address: '0.0.0.0', port }).fd);
  });

  it.each(['chosen by the kernel', 'asked for'])(
    '%s, refuses a server that would share it, and connections at once',
    async (how) => {
      let held = linux.holdPort({ protocol: 'tcp', address: '0.0.0.0', port: 0 });
      if (how === 'asked for') {
        closeSync(held.fd);
        held = linux.holdPort({ protocol: 'tcp', address: '0.0.0.0', port: held.port });
      }
      kept(held.fd);
      // Node's servers have SO_REUSEADDR.
      const server = net.createServer().listen(held.port, '127.0.0.1');
      await expect(once(server, 'listening')).rejects.toThrow('EADDRINUSE');
      await expect(once(net.connect(held.port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
    },
  );

  it('may be one that a server has just left, whose connections still linger', async () => {
    const server = net.createServer((socket) => socket.end('x')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const client = net.connect(port, '127.0.0.1').resume();
    await once(client, 'close');
    server.close();
    await once(server, 'close');
    expect(execFileSync('ss', ['-Htan', 'state', 'time-wait', `sport = :${port}`], { encoding: 'utf8' })).toContain(`:${port}`);
    const held = linux.holdPort({ protocol: 'tcp', address: '0.0.0.0', port });
    kept(held.fd);
    await expect(once(net.createServer().listen(port), 'listening')).rejects.toThrow('EADDRINUSE');
  });

  it('tells why it cannot be had', () => {
    expect(() => linux.holdPort({ protocol: 'tcp', address: '192.0.2.7', port: 0 })).toThrow(
      expect.objectContaining({ code: 'EADDRNOTAVAIL' }),
    );
    expect(() => linux.holdPort({ protocol: 'tcp', address: 'localhost', port: 0 })).toThrow('an IP address is needed');
  });
});
