import { encodeFrame, frameTypes, maxFrameBytes, processMessage, resourcesMessage, specMessage } from '@slipway/kata-agent';
import type { RuntimeProcess, RuntimeSpec } from '@slipway/plugin-api';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AgentParts, type Said } from './agent-parts.js';

let parts: AgentParts;

beforeAll(() => {
  parts = new AgentParts();
});

afterAll(() => {
  parts?.[Symbol.dispose]();
});

const process: RuntimeProcess = {
  terminal: true,
  consoleSize: { height: 24, width: 80 },
  user: { uid: 4_294_967_294, gid: 7, additionalGids: [1, 0, 300] },
  args: ['/bin/sh', '-c', 'echo "a\\b"\n\u0001\u007f é €  😀'],
  env: ['EMPTY=', ''],
  cwd: '/',
  capabilities: { bounding: ['CAP_KILL'], effective: ['CAP_KILL'], permitted: ['CAP_KILL'], inheritable: [], ambient: [] },
  rlimits: [{ type: 'RLIMIT_NOFILE', soft: 0, hard: 1024 }],
  noNewPrivileges: true,
  oomScoreAdj: -500,
};

const spec: RuntimeSpec = {
  ociVersion: '1.0.2',
  hostname: 'host',
  domainname: 'domain',
  root: { path: '/run/kata-containers/c1/rootfs', readonly: true },
  process,
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/x', type: 'bind', source: '/y', options: ['rbind', 'ro'] },
  ],
  annotations: { a: 'b', '': 'empty', __proto__x: '' },
  linux: {
    namespaces: [{ type: 'pid' }, { type: 'mount' }],
    cgroupsPath: '/c1',
    sysctl: { 'net.ipv4.ip_forward': '0' },
    devices: [{ type: 'c', path: '/dev/fuse', major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 }],
    resources: {
      devices: [
        { allow: false, access: 'rwm' },
        { allow: true, type: 'c', access: 'm' },
        { allow: true, type: 'c', major: 5, minor: 0, access: 'rwm' },
        { allow: true, type: 'b', major: 0, access: 'r' },
      ],
      memory: { limit: 1 << 30, swap: -1, reservation: 4096, swappiness: 60, disableOOMKiller: true },
      cpu: { shares: 1024, quota: -1, period: 100_000, cpus: '0-1', mems: '0' },
      pids: { limit: 0 },
      blockIO: {
        weight: 10,
        weightDevice: [{ major: 8, minor: 0, weight: 500 }],
        throttleReadBpsDevice: [{ major: 0, minor: 0, rate: 1 }],
      },
      hugepageLimits: [{ pageSize: '2MB', limit: 0 }],
      unified: { 'memory.high': 'max' },
    },
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      defaultErrnoRet: 0,
      architectures: ['SCMP_ARCH_X86_64'],
      flags: ['SECCOMP_FILTER_FLAG_LOG'],
      syscalls: [
        { names: ['a', 'b'], action: 'SCMP_ACT_ALLOW' },
        {
          names: ['c'],
          action: 'SCMP_ACT_ERRNO',
          errnoRet: 0,
          args: [{ index: 0, value: 2 ** 53 - 1, valueTwo: 1, op: 'SCMP_CMP_MASKED_EQ' }],
        },
      ],
    },
    rootfsPropagation: 'rprivate',
    maskedPaths: ['/proc/kcore'],
    readonlyPaths: ['/proc/sys'],
  },
};

function json(kind: string, message: Uint8Array): unknown {
  const { status, out, err } = parts.run(['json', kind], message);
  expect({ status, err }).toEqual({ status: 0, err: '' });
  return JSON.parse(out);
}

it('gives the runtime the config.json that the host had', () => {
  expect(json('spec', specMessage(spec))).toEqual({
    ...spec,
    // Empty lists are as good as none.
    process: { ...process, capabilities: { bounding: ['CAP_KILL'], effective: ['CAP_KILL'], permitted: ['CAP_KILL'] } },
  });
});

it('gives the process of an exec, and new limits', () => {
  const plain: RuntimeProcess = { user: { uid: 0, gid: 0 }, args: ['id'], env: [], cwd: '/' };
  expect(json('process', processMessage(plain))).toEqual({
    terminal: false,
    noNewPrivileges: false,
    user: plain.user,
    args: ['id'],
    cwd: '/',
  });
  expect(json('resources', resourcesMessage({ memory: { limit: -1 }, pids: { limit: -1 } }))).toEqual({
    memory: { limit: -1 },
    pids: { limit: -1 },
  });
});

it('reads a limit of 64 bits as it is', () => {
  // RLIM_INFINITY, which a number of JavaScript cannot hold.
  const { out } = parts.run(['json', 'process'], Buffer.from('420e0a015210ffffffffffffffffff01', 'hex'));
  expect(out).toContain('"rlimits":[{"type":"R","hard":18446744073709551615,"soft":0}]');
});

it.each<[string, string, string]>([
  ['a length beyond the end', '0a05', 'no message'],
  ['a number of eleven bytes', '08ffffffffffffffffffff01', 'no message'],
  ['a field of number 0', '0001', 'no message'],
  ['a group', '0b0c', 'no message'],
  ['a string that is none', '0801', '"ociVersion" of the specification has another type'],
  ['bytes that are not UTF-8', '0a02c328', 'not UTF-8'],
  ['half of a pair of UTF-16', '0a03eda080', 'not UTF-8'],
  ['a NUL', '0a026100', 'NUL'],
  ['a message within that is none', '120108', 'no message'],
  ['a broken entry of a map', '3a0108', '"annotations" of the specification is broken'],
])('refuses %s', (_, hex, reason) => {
  const { status, err } = parts.run(['json', 'spec'], Buffer.from(hex, 'hex'));
  expect({ status, err }).toEqual({ status: 1, err: expect.stringContaining(reason) });
});

it('takes the last of a value, and of a key, that comes more than once', () => {
  expect(json('spec', Buffer.from('0a01610a0162' + '3a060a016b120131' + '3a060a016b120132', 'hex'))).toMatchObject({
    ociVersion: 'b',
    annotations: { k: '2' },
  });
});

const request = (text: string): Uint8Array =>
  encodeFrame({ stream: 3, type: frameTypes.request, payload: Buffer.from(`0a0161120162${text}`, 'hex') });

function frames(...bytes: readonly Uint8Array[]): Said {
  return parts.run(['frames'], Buffer.concat(bytes));
}

it('takes requests in any pieces, and ends with the connection', () => {
  expect(frames(request('1a03616263'), request('')).out).toBe('3 a/b 3\n3 a/b 0\nthe host has closed the port\n');
});

it('takes the longest frame, and none that is longer', () => {
  const longest = Buffer.alloc(maxFrameBytes - 11, 'x');
  const head = Buffer.from('0a01611201621a', 'hex');
  const frame = Buffer.concat([Buffer.alloc(10), head, Buffer.from('f5ffff01', 'hex'), longest]);
  frame.writeUInt32BE(frame.length - 10, 0);
  frame.writeUInt32BE(1, 4);
  frame[8] = frameTypes.request;
  expect(frames(frame).out).toBe(`1 a/b ${longest.length}\nthe host has closed the port\n`);
  frame.writeUInt32BE(maxFrameBytes + 1, 0);
  expect(frames(frame).out).toBe(`a frame of ${maxFrameBytes + 1} bytes; the limit is ${maxFrameBytes}\n`);
});

it('gives up on what is no request', () => {
  const answer = encodeFrame({ stream: 1, type: frameTypes.response, payload: new Uint8Array() });
  expect(frames(answer).out).toBe('a frame of type 2 where a request is due\n');
  expect(frames(request('ff')).out).toBe('a request that is no message of Protocol Buffers\n');
});

it('bears broken messages and frames of all kinds', () => {
  for (const seed of ['1', '2', '3'])
    expect(parts.run(['fuzz', seed, '4000'])).toEqual({ status: 0, out: '4000 rounds\n', err: '' });
});
