import { closeSync, constants, openSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { checked, systemError } from './errors.js';
import { libc } from './libc.js';
import type { HeldPort, PortToHold, SocketKind } from './system.js';

const CLONE_NEWNET = 0x4000_0000;
const [AF_INET, AF_INET6] = [2, 10];
const [SOCK_STREAM, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_CLOEXEC] = [1, 2, 0o4000, 0o2000000];
const IPPROTO_SCTP = 132;
const [SOL_SOCKET, SO_REUSEADDR, SO_RCVBUF] = [1, 2, 8];
const [IPPROTO_IPV6, IPV6_V6ONLY] = [41, 26];
const SHUT_RDWR = 2;
const [SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP] = [0x8913, 0x8914, 1];

/** What the calling thread does meanwhile is of the namespace. */
function inNamespace<T>(enter: () => void, work: () => T): T {
  const home = ownNamespace();
  try {
    enter();
    try {
      return work();
    } finally {
      // Whoever went on in a container's network would reach, and be reached by, others than it thinks.
      if (libc().setns(home, CLONE_NEWNET) === -1) process.abort();
    }
  } finally {
    closeSync(home);
  }
}

/** Of this thread: /proc/self is that of the first one. */
function ownNamespace(): number {
  return openSync('/proc/thread-self/ns/net', constants.O_RDONLY);
}

export function createNetworkNamespace(): number {
  return inNamespace(
    () => checked(libc().unshare(CLONE_NEWNET), 'unshare'),
    () => {
      const fd = ownNamespace();
      try {
        raiseLoopback();
        return fd;
      } catch (error) {
        closeSync(fd);
        throw error;
      }
    },
  );
}

export function enterNetworkNamespace(fd: number): void {
  checked(libc().setns(fd, CLONE_NEWNET), 'setns');
}

/** A runtime does it only for namespaces that it makes itself. */
function raiseLoopback(): void {
  const socket = openSocket({ family: 4, protocol: 'udp' });
  try {
    // struct ifreq: 16 bytes of name, then a union of 24.
    const request = Buffer.alloc(40);
    request.write('lo', 'latin1');
    checked(libc().ioctl(socket, SIOCGIFFLAGS, request), 'ioctl');
    request.writeInt16LE(request.readInt16LE(16) | IFF_UP, 16);
    checked(libc().ioctl(socket, SIOCSIFFLAGS, request), 'ioctl');
  } finally {
    closeSync(socket);
  }
}

export function openSocket({ family, protocol, namespace }: SocketKind): number {
  const domain = family === 4 ? AF_INET : AF_INET6;
  const type = (protocol === 'udp' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const open = (): number => checked(libc().socket(domain, type, protocol === 'sctp' ? IPPROTO_SCTP : 0), 'socket');
  if (namespace === undefined) return open();
  return inNamespace(() => checked(libc().setns(namespace, CLONE_NEWNET), 'setns'), open);
}

export function holdPort({ protocol, address, port }: PortToHold): HeldPort {
  const family = isIPv6(address) ? 6 : 4;
  const what = `${family === 6 ? `[${address}]` : address}:${port}/${protocol}`;
  const fd = openSocket({ family, protocol });
  try {
    if (family === 6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (protocol === 'udp') setOption(fd, SOL_SOCKET, SO_RCVBUF, 0);
    // What the kernel chooses is nobody's, not even a remainder's.
    const mayLinger = protocol !== 'udp' && port !== 0;
    if (mayLinger) setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    const name = socketAddress(family, address, port);
    checked(libc().bind(fd, name, name.length), 'bind', what);
    if (mayLinger) becomeSoleOwner(fd, what);
    return { fd, port: portOf(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * SO_REUSEADDR lets us pass the remains (TIME_WAIT) of a server that has ended, and would let any other server with it bind beside us. Listening takes the port for one alone; what
 * no longer listens keeps the port that it had asked for, and without the option others are refused. So connections that reach us are refused, and do not wait.
 */
function becomeSoleOwner(fd: number, what: string): void {
  checked(libc().listen(fd, 0), 'listen', what);
  setOption(fd, SOL_SOCKET, SO_REUSEADDR, 0);
  checked(libc().shutdown(fd, SHUT_RDWR), 'shutdown', what);
}

function setOption(fd: number, level: number, name: number, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  checked(libc().setsockopt(fd, level, name, bytes, bytes.length), 'setsockopt');
}

/** struct sockaddr_in, sockaddr_in6: ports and addresses in the order of the network. */
function socketAddress(family: 4 | 6, address: string, port: number): Buffer {
  const bytes = Buffer.alloc(family === 4 ? 16 : 28);
  bytes.writeUInt16LE(family === 4 ? AF_INET : AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  const place = bytes.subarray(family === 4 ? 4 : 8);
  if (libc().inet_pton(family === 4 ? AF_INET : AF_INET6, address, place) !== 1)
    throw systemError(22, 'inet_pton', address, undefined, 'an IP address is needed');
  return bytes;
}

function portOf(fd: number): number {
  const name = Buffer.alloc(28);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(name.length);
  checked(libc().getsockname(fd, name, length), 'getsockname');
  return name.readUInt16BE(2);
}
