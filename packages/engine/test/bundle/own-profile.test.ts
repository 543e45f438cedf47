import type { ContainerSettings } from '@slipway/plugin-api';
import { describe, expect, test } from 'vitest';
import { containerSeccomp, seccompProfile } from '../../dist/bundle/seccomp/index.js';
import { errorOf } from './tree.js';

const facts = { architecture: 'amd64', kernel: { major: 6, minor: 1 }, capabilities: ['CAP_CHOWN', 'CAP_SYS_CHROOT'] };
const own = (profile: unknown, more = facts) => containerSeccomp({ seccomp: profile as ContainerSettings['seccomp'] }, more);
const rule = (more: object) => ({ names: ['mkdir'], action: 'SCMP_ACT_ERRNO', ...more });

describe('containerSeccomp', () => {
  test('ours, none, and none of a privileged container unless it is asked for', () => {
    expect(containerSeccomp({}, facts)).toEqual(seccompProfile(facts));
    expect(containerSeccomp({ seccomp: 'default', privileged: true }, facts)).toEqual(seccompProfile(facts));
    expect(containerSeccomp({ seccomp: 'unconfined' }, facts)).toBeUndefined();
    expect(containerSeccomp({ privileged: true }, facts)).toBeUndefined();
    expect(errorOf(() => own('strict')).code).toBe('SECCOMP_INVALID');
  });

  test('a profile of config.json is as it is', () => {
    const profile = {
      defaultAction: 'SCMP_ACT_ALLOW',
      defaultErrnoRet: 1,
      architectures: ['SCMP_ARCH_X86_64'],
      flags: ['SECCOMP_FILTER_FLAG_LOG'],
      syscalls: [rule({ errnoRet: 13, args: [{ index: 1, value: 448, valueTwo: 1, op: 'SCMP_CMP_MASKED_EQ' }] })],
    };
    expect(own(profile)).toEqual(profile);
    expect(own(own(profile))).toEqual(profile);
    expect(own({ defaultAction: 'SCMP_ACT_ALLOW' })).toEqual({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [] });
    expect(own(seccompProfile(facts))).toEqual(seccompProfile(facts));
  });

  test('a profile of Docker’s form is for one architecture, set of capabilities and kernel', () => {
    const profile = {
      defaultAction: 'SCMP_ACT_ERRNO',
      architectures: null,
      archMap: [
        { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] },
        { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: null },
      ],
      syscalls: [
        { name: 'read', names: null, action: 'SCMP_ACT_ALLOW', args: [], comment: '', includes: {}, excludes: {} },
        { names: ['chroot'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_CHROOT'] } },
        { names: ['mount'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_CHROOT', 'CAP_SYS_ADMIN'] } },
        { names: ['clone'], action: 'SCMP_ACT_ALLOW', excludes: { caps: ['CAP_SYS_ADMIN', 'CAP_CHOWN'] } },
        { names: ['arch_prctl'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['amd64', 'x32'] } },
        { names: ['set_tls'], action: 'SCMP_ACT_ALLOW', excludes: { arches: ['amd64'] } },
        { names: ['ptrace'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '4.8' } },
        { names: ['newer'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '6.2' } },
        { names: ['older'], action: 'SCMP_ACT_ALLOW', excludes: { minKernel: '6.1' } },
      ],
    };
    const made = own(profile);
    expect(made?.architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']);
    expect(made?.syscalls.flatMap(({ names }) => names)).toEqual(['read', 'chroot', 'arch_prctl', 'ptrace']);
    const arm = own(profile, { ...facts, architecture: 'arm64', capabilities: [] });
    expect(arm?.architectures).toEqual(['SCMP_ARCH_AARCH64']);
    expect(arm?.syscalls.flatMap(({ names }) => names)).toEqual(['read', 'clone', 'set_tls', 'ptrace']);
    expect(own(profile, { ...facts, architecture: 'riscv64' })?.architectures).toBeUndefined();
  });

  test.each([
    [null, /the whole/],
    [[], /the whole|defaultAction/],
    [{}, /defaultAction/],
    [{ defaultAction: 'ALLOW' }, /defaultAction/],
    [{ defaultAction: 'SCMP_ACT_NOTIFY' }, /defaultAction/],
    [{ defaultAction: 'SCMP_ACT_ALLOW', listenerPath: '/x' }, /listenerPath/],
    [{ defaultAction: 'SCMP_ACT_ALLOW', syscals: [] }, /syscals/],
    [{ defaultAction: 'SCMP_ACT_ALLOW', defaultErrnoRet: 5000 }, /defaultErrnoRet/],
    [{ defaultAction: 'SCMP_ACT_ALLOW', architectures: ['x86'] }, /architectures\.0/],
    [{ defaultAction: 'SCMP_ACT_ALLOW', flags: ['X'] }, /flags\.0/],
    [
      { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_X86'], archMap: [{ architecture: 'SCMP_ARCH_X86_64' }] },
      /both there/,
    ],
    [{ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule({ names: [] })] }, /names no system call/],
    [{ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule({ name: 'read' })] }, /both there/],
    [{ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule({ names: ['Mk dir'] })] }, /syscalls\.0\.names\.0/],
    [{ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule({ action: 'x' })] }, /syscalls\.0\.action/],
    [
      { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule({ args: [{ index: 6, value: 1, op: 'SCMP_CMP_EQ' }] })] },
      /args\.0\.index/,
    ],
    [
      { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule({ args: [{ index: 0, value: -1, op: 'SCMP_CMP_EQ' }] })] },
      /args\.0\.value/,
    ],
    [{ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule({ args: [{ index: 0, value: 2 ** 60, op: 'SCMP_CMP_EQ' }] })] }, /2\^53/],
    [{ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule({ args: [{ index: 0, value: 1, op: 'EQ' }] })] }, /args\.0\.op/],
    [{ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule({ arg: [] })] }, /syscalls\.0\.arg/],
    [{ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule({ includes: { minKernel: 'new' } })] }, /minKernel/],
    [{ defaultAction: 'SCMP_ACT_ALLOW', syscalls: Array.from({ length: 4097 }, () => rule({})) }, /syscalls/],
  ])('%j is refused', (profile, message) => {
    expect(errorOf(() => own(profile))).toMatchObject({
      kind: 'invalid-argument',
      code: 'SECCOMP_INVALID',
      message: expect.stringMatching(message),
    });
  });
});
