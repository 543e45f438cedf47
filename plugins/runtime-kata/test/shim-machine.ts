import { mkdirSync, mkdtempSync } from 'node:fs';
import path from 'node:path';
import { guestImage } from '@slipway/guest';
import { AgentService, encodeRequest, processMessage, specMessage } from '@slipway/kata-agent';
import { cloudKernel } from '@slipway/machine';
import type { RuntimeProcess, RuntimeSpec } from '@slipway/plugin-api';
import { cacheFolder, layersOf } from './layers.ts';
import { nobody, type ShimBench, shown } from './shim-bench.ts';

const { method } = AgentService;
const append =
  'console=ttyS0 quiet panic=-1 rodata=off no_timer_check audit=0 lsm= 8250.nr_uarts=1 mitigations=off ipv6.disable=1';
const capabilities = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_KILL', 'CAP_SETGID', 'CAP_SETUID'];

export function processOf(script: string, more: Partial<RuntimeProcess> = {}): RuntimeProcess {
  return {
    user: { uid: 0, gid: 0 },
    args: ['sh', '-c', script],
    env: ['PATH=/bin'],
    cwd: '/',
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    ...more,
  };
}

function specOf(process: RuntimeProcess, root: string, memory: number | undefined): RuntimeSpec {
  return {
    ociVersion: '1.0.2',
    hostname: 'guest',
    root: { path: root },
    process,
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
      },
    ],
    linux: {
      namespaces: ['pid', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
      cgroupsPath: '/box',
      resources: { devices: [{ allow: false, access: 'rwm' }], ...(memory === undefined ? {} : { memory: { limit: memory } }) },
    },
  };
}

/** The plan of a true machine with a tree of the host as its root; what is written in it goes to the disk that is returned. */
export async function machineSteps(
  bench: ShimBench,
  tree: string,
  process: RuntimeProcess,
  memory?: number,
): Promise<{ readonly steps: (readonly (string | Buffer)[])[]; readonly upper: string }> {
  const { kernel, modules } = cloudKernel();
  mkdirSync(cacheFolder, { recursive: true });
  const image = await guestImage(path.join(cacheFolder, 'shim-images'), { kernel, modules });
  const { lower, upper } = layersOf(tree, mkdtempSync(path.join(bench.base, 'layers-')));
  const guest = `/run/kata-containers/${bench.id}`;
  const request = encodeRequest(method.createContainer, {
    containerId: bench.id,
    execId: bench.id,
    storages: [
      { driver: 'blk', source: '/dev/disk/by-id/virtio-l0', fstype: 'erofs', options: ['ro'], mountPoint: `${guest}/layers/0` },
      { driver: 'blk', source: '/dev/disk/by-id/virtio-upper', fstype: 'ext4', options: [], mountPoint: `${guest}/upper` },
      {
        driver: 'overlayfs',
        source: 'none',
        fstype: 'overlay',
        options: [`lowerdir=${guest}/layers/0`, `upperdir=${guest}/upper/upper`, `workdir=${guest}/upper/work`],
        mountPoint: `${guest}/rootfs`,
      },
    ],
    OCI: specMessage(specOf(process, `${guest}/rootfs`, memory)),
  });
  const disk = (number: number, serial: string, access: string) => [
    ...[
      '-add-fd',
      `fd=${number},set=${number}`,
      '-blockdev',
      `driver=file,node-name=${serial},filename=/dev/fdset/${number},read-only=${access},locking=off`,
    ],
    ...['-device', `virtio-blk-pci,drive=${serial},serial=${serial}`],
  ];
  const upperFile = upper?.kind === 'block' ? upper.source : '';
  return {
    upper: upperFile,
    steps: [
      ['user', ...nobody],
      ['boot-limit', '110000'],
      ['file', '10', image.kernel, 'ro'],
      ['file', '11', image.initrd, 'ro'],
      ['file', '12', lower[0]?.source ?? '', 'ro'],
      ['file', '13', upperFile, 'rw'],
      ...shown,
      [
        'qemu',
        ...[
          '/usr/bin/qemu-system-x86_64',
          '-accel',
          'tcg,tb-size=64',
          '-M',
          'q35',
          '-bios',
          '/usr/share/qemu/qboot.rom',
          '-cpu',
          'max',
          '-m',
          '256',
        ],
        ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
        ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
        ...['-kernel', '/proc/self/fd/10', '-initrd', '/proc/self/fd/11', '-append', append],
        ...['-chardev', 'socket,id=console,fd=@console@', '-serial', 'chardev:console'],
        ...['-chardev', 'socket,id=qmp,fd=@qmp@', '-mon', 'chardev=qmp,mode=control'],
        ...['-chardev', 'socket,id=agent,fd=@agent@', '-device', 'virtio-serial-pci,id=serial'],
        ...['-device', 'virtserialport,bus=serial.0,chardev=agent,name=agent'],
        ...disk(12, 'l0', 'on'),
        ...disk(13, 'upper', 'off'),
      ],
      ['hello'],
      ['clock'],
      ['random'],
      ['call', request.service, request.method, Buffer.from(request.payload)],
    ],
  };
}

/** The request for another process, as the shim's `exec` wants it. */
export function execRequest(id: string, process: RuntimeProcess): Uint8Array {
  return encodeRequest(method.execProcess, { containerId: id, process: processMessage(process) }).payload;
}
