import type { MachineSettings } from '../machine-settings.js';
import type { PlanStep } from '../plan.js';
import { compositeDisk } from './composite-disk.js';

export interface QemuProgram {
  readonly binary: string;
  readonly machine: string;
  readonly firmware: string | undefined;
}

/** Of what is translated. Without it QEMU takes up to a gigabyte, which no cgroup of a small machine has. */
const translationMiB = 64;
/** A clone has no boot to translate. With 24 MiB eight idle ones of 128 MiB take 58 MiB each, with 64 they take 78; what has more memory has more programs. */
const clonedTranslation = { least: 24, shareOfMemory: 3 / 16 };
const firstDescriptor = 10;
/** virtiofsd holds one open for each that the guest's kernel remembers; it would take a million. */
const sharedFiles = 262_144;

/** The memory of a machine that is a template, or of one that begins as its copy. */
export interface MemoryFile {
  readonly file: string;
  /** What the machine writes goes to the file. */
  readonly shared: boolean;
  /** The other file of the template, and its number for QEMU. */
  readonly state: { readonly file: string; readonly number: number };
}

/** QEMU's arguments, and the descriptors that they name. */
export function qemuSteps(
  program: QemuProgram,
  settings: MachineSettings,
  folder: string,
  memory?: MemoryFile | undefined,
): readonly PlanStep[] {
  const given = new Descriptors();
  const argv = [
    program.binary,
    ...['-name', `guest=${escaped(settings.name)}`],
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...machineArgs(program, settings, memory, given),
    ...['-kernel', given.path(settings.kernel), '-initrd', given.path(settings.initrd)],
    ...['-append', settings.kernelArgs.join(' ')],
    ...['-chardev', 'socket,id=console,fd=@console@', '-serial', 'chardev:console'],
    ...['-chardev', 'socket,id=qmp,fd=@qmp@', '-mon', 'chardev=qmp,mode=control'],
    ...['-chardev', 'socket,id=agent,fd=@agent@', '-device', 'virtio-serial-pci,id=serial,max_ports=2'],
    ...['-device', 'virtserialport,bus=serial.0,chardev=agent,name=agent'],
    ...diskArgs(settings, folder, given),
    ...shareArgs(settings, given),
    ...interfaceArgs(settings, given),
    ...(memory?.shared === false ? ['-incoming', 'defer'] : []),
  ];
  const { uid, gid, groups } = settings.user;
  const state = memory?.state;
  const files: readonly PlanStep[] =
    state === undefined ? [] : [['file', String(state.number), state.file, memory?.shared === true ? 'rw' : 'ro']];
  return [['user', String(uid), String(gid), groups.join(',')], ...given.steps, ...files, ['qemu', ...argv]];
}

function machineArgs(
  { machine, firmware }: QemuProgram,
  settings: MachineSettings,
  file: MemoryFile | undefined,
  given: Descriptors,
): string[] {
  const { memoryMiB, cpus, accel } = settings;
  const memory = memoryArgs(settings, file, given);
  const backend = memory.length === 0 ? '' : ',memory-backend=memory';
  return [
    ...memory,
    ...['-machine', `${machine},usb=off,graphics=off,dump-guest-core=off${backend}`],
    ...['-accel', accel === 'kvm' ? 'kvm' : `tcg,thread=multi,tb-size=${translationOf(memoryMiB, file)}`],
    // Programs of today want more than the processor that QEMU emulates by default.
    ...['-cpu', accel === 'kvm' ? 'host' : 'max'],
    ...['-m', `${memoryMiB}M`, '-smp', String(cpus)],
    ...(firmware === undefined ? [] : ['-bios', firmware]),
  ];
}

function translationOf(memoryMiB: number, file: MemoryFile | undefined): number {
  if (file?.shared !== false) return translationMiB;
  const { least, shareOfMemory } = clonedTranslation;
  return Math.min(translationMiB, Math.max(least, Math.floor(memoryMiB * shareOfMemory)));
}

function memoryArgs({ memoryMiB, share }: MachineSettings, memory: MemoryFile | undefined, given: Descriptors): string[] {
  if (memory !== undefined) {
    const shared = memory.shared ? 'on' : 'off';
    return ['-object', `memory-backend-file,id=memory,size=${memoryMiB}M,mem-path=${given.path(memory.file)},share=${shared}`];
  }
  // A share is read and written by another process, which must see the memory of the machine.
  return share === undefined ? [] : ['-object', `memory-backend-memfd,id=memory,size=${memoryMiB}M,share=on`];
}

/** Every file is opened by the shim: QEMU's user may read none of them by its path. */
function diskArgs({ disks }: MachineSettings, folder: string, given: Descriptors): string[] {
  return disks.flatMap(({ serial, files, readOnly }, index) => {
    const node = `disk${index}`;
    const args =
      files.length > 1 ? compositeArgs(node, files, folder, serial, given) : singleArgs(node, files[0], readOnly, given);
    // QEMU's own choice is to stop the machine where the host's disk is full, until somebody has it go on.
    return [...args, '-device', `virtio-blk-pci,drive=${node},serial=${serial},num-queues=1,werror=report`];
  });
}

/** What several machines read has no lock; the writable one has QEMU's, so that no second machine gets it. */
function singleArgs(node: string, file: string | undefined, readOnly: boolean, given: Descriptors): string[] {
  if (file === undefined) return ['-blockdev', `driver=null-co,node-name=${node},size=512,read-only=on`];
  const set = given.set(file, readOnly ? 'ro' : 'rw');
  const access = readOnly ? 'read-only=on,locking=off' : 'read-only=off,locking=on,discard=unmap';
  return [...set.args, '-blockdev', `driver=file,node-name=${node},filename=${set.name},${access}`];
}

function compositeArgs(node: string, files: readonly string[], folder: string, serial: string, given: Descriptors): string[] {
  const sets: string[][] = [];
  const descriptor = compositeDisk(files, folder, serial, (file) => {
    const set = given.set(file, 'ro');
    sets.push(set.args);
    return set.name;
  });
  const set = given.set(descriptor, 'ro');
  const file = `file.driver=file,file.filename=${set.name},file.locking=off`;
  return [...sets.flat(), ...set.args, '-blockdev', `driver=vmdk,node-name=${node},read-only=on,${file}`];
}

function shareArgs({ share }: MachineSettings, given: Descriptors): string[] {
  if (share === undefined) return [];
  const { virtiofsd, directory, tag } = share;
  // Nothing of the host is seen but the folder (mount, pid and network namespaces); links of the guest stay what they are. Device nodes it cannot make.
  const options = [
    '-o',
    `source=${directory}`,
    '-o',
    'sandbox=namespace',
    '-o',
    'modcaps=-mknod',
    '-o',
    'xattr',
    '-o',
    'cache=auto',
  ];
  given.steps.push(['helper', 'share.sock', virtiofsd, '--fd=@listen@', `--rlimit-nofile=${sharedFiles}`, ...options]);
  return ['-chardev', 'socket,id=share,fd=@helper0@', '-device', `vhost-user-fs-pci,chardev=share,tag=${tag},queue-size=1024`];
}

/** No program for booting by the network. */
function interfaceArgs({ interfaces }: MachineSettings, given: Descriptors): string[] {
  return interfaces.flatMap(({ mac, namespace, tap }, index) => [
    ...['-netdev', `tap,id=net${index},fd=${given.tap(namespace, tap)}`],
    ...['-device', `virtio-net-pci,netdev=net${index},mac=${mac},romfile=`],
  ]);
}

class Descriptors {
  readonly steps: PlanStep[] = [];
  #next = firstDescriptor;

  /** As a path that QEMU itself opens. */
  path(file: string): string {
    return `/proc/self/fd/${this.#open(file, 'ro')}`;
  }

  /** As QEMU's block drivers take a descriptor. */
  set(file: string, access: 'ro' | 'rw'): { readonly name: string; readonly args: string[] } {
    const number = this.#open(file, access);
    return { name: `/dev/fdset/${number}`, args: ['-add-fd', `fd=${number},set=${number}`] };
  }

  tap(namespace: string, name: string): number {
    const number = this.#next++;
    this.steps.push(['tap', String(number), namespace, name]);
    return number;
  }

  #open(file: string, access: 'ro' | 'rw'): number {
    const number = this.#next++;
    this.steps.push(['file', String(number), file, access]);
    return number;
  }
}

/** A comma in a value of QEMU's options is written twice. */
function escaped(value: string): string {
  return value.replaceAll(',', ',,');
}
