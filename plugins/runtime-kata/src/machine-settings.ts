/** A machine as data, whatever makes it. Paths are of this host; whoever makes it opens them as root and hands descriptors on. */
export interface MachineSettings {
  /** For people and process lists. */
  readonly name: string;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly accel: Accel;
  readonly kernel: string;
  readonly initrd: string;
  readonly kernelArgs: readonly string[];
  readonly disks: readonly Disk[];
  /** Folders of this host, seen in the guest as a file system with this tag. */
  readonly share: Share | undefined;
  /** Of the guest, which knows them by their hardware addresses. */
  readonly interfaces: readonly TapInterface[];
  readonly user: MachineUser;
}

export type Accel = 'kvm' | 'tcg';

/** The guest knows it by its serial, at most 20 characters. Without files it is only the place of one, which the guest must not look at. */
export interface Disk {
  readonly serial: string;
  /** More than one: the disk has a partition for each, in order. */
  readonly files: readonly string[];
  /** What is behind the file of the same place, in its partition or on the disk: the hash tree that it is checked with, where it has one. */
  readonly hashes?: readonly (string | undefined)[];
  readonly readOnly: boolean;
}

/** What clones begin with: a machine that stands still. */
export interface TemplateFiles {
  /** Of the guest, as big as that, and sparse. */
  readonly memory: string;
  /** Of its devices and processors. */
  readonly state: string;
  /** Nobody may write to the memory any more, which not all that make machines can begin with. */
  readonly sealed?: boolean | undefined;
}

export interface Share {
  readonly tag: string;
  readonly directory: string;
  readonly virtiofsd: string;
}

export interface TapInterface {
  readonly mac: string;
  /** The network namespace that the tap device is in, and its name there. */
  readonly namespace: string;
  readonly tap: string;
}

/** Whom what makes the machine runs as. */
export interface MachineUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}
