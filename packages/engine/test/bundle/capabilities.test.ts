import { describe, expect, test } from 'vitest';
import { capabilitiesOfMask, capabilityNames, processCapabilities } from '../../dist/bundle/capabilities/index.js';
import { host } from './hosts.js';
import { errorOf } from './tree.js';

const usual = processCapabilities({}, host);

describe('processCapabilities', () => {
  test('the default set, in the order of the kernel', () => {
    expect(usual).toEqual([
      ...['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_KILL', 'CAP_SETGID', 'CAP_SETUID', 'CAP_SETPCAP'],
      ...['CAP_NET_BIND_SERVICE', 'CAP_NET_RAW', 'CAP_SYS_CHROOT', 'CAP_MKNOD', 'CAP_AUDIT_WRITE', 'CAP_SETFCAP'],
    ]);
  });

  test.each(['NET_ADMIN', 'net_admin', 'CAP_NET_ADMIN', 'cap_net_admin', 'Cap_Net_Admin'])(
    '%s is a name of CAP_NET_ADMIN',
    (name) => {
      expect(processCapabilities({ capAdd: [name] }, host)).toEqual(
        capabilityNames.filter((one) => usual.includes(one) || one === 'CAP_NET_ADMIN'),
      );
    },
  );

  test('added, dropped, all, and both of one name: as Docker has it', () => {
    expect(processCapabilities({ capDrop: ['chown', 'mknod'] }, host)).toEqual(
      usual.filter((name) => name !== 'CAP_CHOWN' && name !== 'CAP_MKNOD'),
    );
    expect(processCapabilities({ capDrop: ['ALL'] }, host)).toEqual([]);
    expect(processCapabilities({ capDrop: ['all'], capAdd: ['CHOWN', 'net_raw'] }, host)).toEqual(['CAP_CHOWN', 'CAP_NET_RAW']);
    expect(processCapabilities({ capAdd: ['ALL'] }, host)).toEqual(host.capabilities);
    expect(processCapabilities({ capAdd: ['CAP_ALL'], capDrop: ['SYS_ADMIN'] }, host)).not.toContain('CAP_SYS_ADMIN');
    expect(processCapabilities({ capAdd: ['ALL'], capDrop: ['ALL'] }, host)).toEqual(host.capabilities);
    expect(processCapabilities({ capAdd: ['chown'], capDrop: ['chown'] }, host)).toContain('CAP_CHOWN');
  });

  test('a privileged container has all that we have, but what is dropped', () => {
    expect(processCapabilities({ privileged: true }, host)).toEqual(host.capabilities);
    expect(processCapabilities({ privileged: true, capDrop: ['sys_module'] }, host)).not.toContain('CAP_SYS_MODULE');
    expect(processCapabilities({ privileged: true, capDrop: ['all'] }, host)).toEqual([]);
  });

  test('what we do not have is not given: by name an error, else left out', () => {
    expect(errorOf(() => processCapabilities({ capAdd: ['SYS_RESOURCE'] }, host))).toMatchObject({
      kind: 'failed-precondition',
      code: 'CAPABILITY_MISSING',
      message: expect.stringContaining('"CAP_SYS_RESOURCE"'),
    });
    expect(processCapabilities({ capDrop: ['SYS_RESOURCE'] }, host)).toEqual(usual);
    const poor = { capabilities: ['CAP_CHOWN'] };
    expect(processCapabilities({}, poor)).toEqual(['CAP_CHOWN']);
    expect(processCapabilities({ capAdd: ['all'] }, poor)).toEqual(['CAP_CHOWN']);
  });

  test.each([
    ['NET_ADMN', 'NET_ADMIN'],
    ['cap_sysadmin', 'SYS_ADMIN'],
    ['PTRACE', 'SYS_PTRACE'],
  ])('%s is unknown, and %s is near', (name, near) => {
    for (const settings of [{ capAdd: [name] }, { capDrop: [name] }]) {
      const error = errorOf(() => processCapabilities(settings, host));
      expect(error).toMatchObject({
        kind: 'invalid-argument',
        code: 'CAPABILITY_UNKNOWN',
        message: expect.stringContaining(name),
      });
      expect(error.hint).toContain(near);
    }
  });

  test.each(['', 'x'.repeat(5000), '__proto__', 'CAP_', 'a\nb', 'ALL,CHOWN'])('%j is unknown', (name) => {
    expect(errorOf(() => processCapabilities({ capAdd: [name] }, host)).code).toBe('CAPABILITY_UNKNOWN');
  });
});

test('the bits of a mask', () => {
  expect(capabilitiesOfMask(0n)).toEqual([]);
  expect(capabilitiesOfMask(0x1_0000_0001n)).toEqual(['CAP_CHOWN', 'CAP_MAC_OVERRIDE']);
  expect(capabilitiesOfMask(0xffff_ffff_ffff_ffffn)).toHaveLength(41);
  expect(capabilityNames[40]).toBe('CAP_CHECKPOINT_RESTORE');
});
