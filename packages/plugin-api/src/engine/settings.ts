import type { EgressRule } from '../network/index.js';
import type { RuntimeHooks, RuntimeSeccomp, RuntimeSyscallRule } from '../oci/index.js';
import type { RestartPolicy, TerminalSize } from '../runtime/index.js';
import type { StackOptions } from './index.js';

/**
 * How a container is to be, in plain data: it is kept with the container, and every start makes its config.json anew from it. What is absent is as the image says,
 * else as Docker has it.
 *
 * @stable
 * @since 0.1
 */
export interface ContainerSettings extends StackOptions {
  /** Replaces the image's Cmd; appended to its Entrypoint. */
  readonly args?: readonly string[] | undefined;
  /** Replaces the image's Entrypoint (and drops its Cmd). */
  readonly entrypoint?: readonly string[] | undefined;
  /** `NAME=value`; replaces the image's variable of the same name. */
  readonly env?: readonly string[] | undefined;
  readonly workdir?: string | undefined;
  /** `user[:group]`, names or numbers. */
  readonly user?: string | undefined;
  /** Further groups, names (of the image) or numbers. */
  readonly groups?: readonly string[] | undefined;
  /** A pseudo-terminal of this size. */
  readonly terminal?: TerminalSize | undefined;
  /** Its stdin stays open for whoever attaches; else it is at its end. */
  readonly openStdin?: boolean | undefined;

  readonly hostname?: string | undefined;
  readonly domainname?: string | undefined;
  /**
   * `none` (default): a network namespace of its own with loopback only. `host`: the host's. `container:NAME`: that of another one. Else what it joins: the name of a
   * network (`default`: the config's), or several, each perhaps with settings.
   */
  readonly network?: string | readonly NetworkChoice[] | undefined;
  /** Of its first network. */
  readonly ports?: readonly PortSettings[] | undefined;
  /** Every port that the image names with EXPOSE, on random ones of the host. */
  readonly publishAll?: boolean | undefined;
  /** What its /etc/resolv.conf says, instead of what its networks and the host say. */
  readonly dns?: DnsSettings | undefined;
  /** Further lines of its /etc/hosts: name to address; `host-gateway` stands for the host's address in its first network. */
  readonly extraHosts?: readonly { readonly name: string; readonly address: string }[] | undefined;
  /** Absent or `all`: everything may go out. `none`: nothing. */
  readonly egress?: 'all' | 'none' | { readonly allow: readonly EgressRule[] } | undefined;
  readonly namespaces?: NamespaceSettings | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Of config.json, for the runtime. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;

  readonly readOnly?: boolean | undefined;
  readonly mounts?: readonly MountSettings[] | undefined;
  /** Bytes of /dev/shm; default 64 MiB. */
  readonly shmSize?: number | undefined;
  readonly devices?: readonly DeviceSettings[] | undefined;
  /** Rules of the device cgroup as `c 1:3 rwm`, beyond those of `devices`. */
  readonly deviceRules?: readonly string[] | undefined;

  /** `CAP_NET_ADMIN`, `net_admin`, `ALL`; added to the default set, and taken from it. */
  readonly capAdd?: readonly string[] | undefined;
  readonly capDrop?: readonly string[] | undefined;
  /** Every capability and device, no seccomp, nothing masked: root in it is root of the host. */
  readonly privileged?: boolean | undefined;
  /** Default: ours. `unconfined`: none. */
  readonly seccomp?: 'default' | 'unconfined' | RuntimeSeccomp | SeccompProfile | undefined;
  readonly noNewPrivileges?: boolean | undefined;
  /** `false`: none is masked, or read-only. */
  readonly maskedPaths?: readonly string[] | false | undefined;
  readonly readonlyPaths?: readonly string[] | false | undefined;
  /** Masked beside these. */
  readonly mask?: readonly string[] | undefined;
  /** Neither masked nor read-only, with all below it; `/` stands for all. */
  readonly unmask?: readonly string[] | undefined;
  readonly rlimits?: readonly RlimitSettings[] | undefined;
  readonly sysctls?: Readonly<Record<string, string>> | undefined;
  /** -1000 to 1000. */
  readonly oomScoreAdj?: number | undefined;
  /** A small process 1 that reaps and passes signals on. */
  readonly init?: boolean | undefined;
  readonly hooks?: RuntimeHooks | undefined;

  readonly limits?: ResourceLimits | undefined;
  /** Cgroup below which the container's is made; default `/slipway`. With the systemd driver a slice. */
  readonly cgroupParent?: string | undefined;

  /** Default: the image's, else SIGTERM. Name or number. */
  readonly stopSignal?: string | number | undefined;
  /** Until SIGKILL; default 10 s. Infinity is written as -1. */
  readonly stopTimeoutMs?: number | undefined;
  readonly restart?: RestartPolicy | undefined;
  /** `false`: none, whatever the image says. Fields that are absent are the image's, else Docker's defaults. */
  readonly health?: HealthSettings | false | undefined;
  readonly log?: LogSettings | undefined;
}

export interface NetworkChoice {
  readonly network: string;
  /** Fixed, in its subnets: one IPv4, one IPv6. */
  readonly addresses?: readonly string[] | undefined;
  readonly mac?: string | undefined;
  /** Further names that it is found by in this network. */
  readonly aliases?: readonly string[] | undefined;
}

export interface PortSettings {
  readonly containerPort: number;
  /** 0, or absent: a free one, another at each start. */
  readonly hostPort?: number | undefined;
  /** Default: every address of the host, IPv4 and IPv6. */
  readonly hostAddress?: string | undefined;
  /** Default `tcp`. */
  readonly protocol?: 'tcp' | 'udp' | 'sctp' | undefined;
}

/** Absent fields are as without. */
export interface DnsSettings {
  readonly servers?: readonly string[] | undefined;
  readonly search?: readonly string[] | undefined;
  /** `ndots:2`. */
  readonly options?: readonly string[] | undefined;
}

export interface NamespaceSettings {
  /** `private` (default), `host`, or `container:NAME`. */
  readonly pid?: string | undefined;
  readonly ipc?: string | undefined;
  readonly uts?: 'private' | 'host' | undefined;
  /** Default: private on cgroup v2, else the host's. */
  readonly cgroup?: 'private' | 'host' | undefined;
}

/** Docker's form of a profile: rules may depend on the container's capabilities, the architecture and the kernel. What is null is absent. */
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number | null | undefined;
  readonly architectures?: readonly string[] | null | undefined;
  /** Instead of `architectures`: what is allowed beside the one that the host has. */
  readonly archMap?:
    | readonly { readonly architecture: string; readonly subArchitectures?: readonly string[] | null | undefined }[]
    | null
    | undefined;
  readonly flags?: readonly string[] | null | undefined;
  readonly syscalls?: readonly SeccompRule[] | null | undefined;
}

export interface SeccompRule {
  /** One, or several `names`. */
  readonly name?: string | null | undefined;
  readonly names?: readonly string[] | null | undefined;
  readonly action: string;
  readonly errnoRet?: number | null | undefined;
  readonly args?: RuntimeSyscallRule['args'] | null | undefined;
  readonly comment?: string | null | undefined;
  /** It applies where all of these hold. */
  readonly includes?: SeccompCondition | null | undefined;
  /** It does not where one of these does. */
  readonly excludes?: SeccompCondition | null | undefined;
}

export interface SeccompCondition {
  readonly caps?: readonly string[] | null | undefined;
  /** Go's names: `amd64`. */
  readonly arches?: readonly string[] | null | undefined;
  /** `4.8`. */
  readonly minKernel?: string | null | undefined;
}

/** A bind mount, a volume (made if it is not there; without a name an anonymous one that goes with the container) or a tmpfs. */
export type MountSettings = BindSettings | VolumeSettings | TmpfsSettings;

interface MountTarget {
  /** Absolute, in the container. */
  readonly target: string;
  readonly readOnly?: boolean | undefined;
}

export interface BindSettings extends MountTarget {
  readonly type: 'bind';
  /** Absolute, on the host. */
  readonly source: string;
  readonly propagation?: 'private' | 'rprivate' | 'shared' | 'rshared' | 'slave' | 'rslave' | undefined;
  /** Only what is there itself, not what is mounted below. */
  readonly nonRecursive?: boolean | undefined;
  /** Make a missing source as an empty folder (`-v`); else it is an error (`--mount`). */
  readonly createSource?: boolean | undefined;
  readonly subpath?: string | undefined;
}

export interface VolumeSettings extends MountTarget {
  readonly type: 'volume';
  readonly volume?: string | undefined;
  readonly driver?: string | undefined;
  readonly options?: Readonly<Record<string, string>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Do not fill an empty volume with what the image has at the target. */
  readonly noCopy?: boolean | undefined;
  /** In the volume; resolved in it, never outside. */
  readonly subpath?: string | undefined;
}

export interface TmpfsSettings extends MountTarget {
  readonly type: 'tmpfs';
  /** Bytes. */
  readonly size?: number | undefined;
  /** Permission bits; default 0o1777. */
  readonly mode?: number | undefined;
  /** Default: nosuid, nodev, noexec hold. */
  readonly exec?: boolean | undefined;
}

export interface DeviceSettings {
  /** Absolute, on the host; a folder stands for the devices in it. */
  readonly source: string;
  /** Default: as on the host. */
  readonly target?: string | undefined;
  /** Of `rwm`; default all. */
  readonly permissions?: string | undefined;
}

export interface RlimitSettings {
  /** `nofile`, `RLIMIT_NOFILE`. */
  readonly name: string;
  /** -1: no limit. */
  readonly soft: number;
  readonly hard: number;
}

/** Bytes and counts. */
export interface ResourceLimits {
  readonly memory?: number | undefined;
  readonly memoryReservation?: number | undefined;
  /** Memory and swap together; -1: no limit of swap. */
  readonly memorySwap?: number | undefined;
  readonly memorySwappiness?: number | undefined;
  readonly oomKillDisable?: boolean | undefined;
  /** As `1.5`. */
  readonly cpus?: number | undefined;
  readonly cpuShares?: number | undefined;
  readonly cpuPeriod?: number | undefined;
  readonly cpuQuota?: number | undefined;
  /** `0-3,5`. */
  readonly cpuset?: string | undefined;
  readonly cpusetMems?: string | undefined;
  /** -1: no limit. */
  readonly pids?: number | undefined;
  /** 10 to 1000. */
  readonly ioWeight?: number | undefined;
  readonly ioDevices?: readonly IoDeviceLimits[] | undefined;
}

export interface IoDeviceLimits {
  /** Absolute, on the host. */
  readonly path: string;
  readonly weight?: number | undefined;
  /** Bytes, and operations, a second. */
  readonly readBps?: number | undefined;
  readonly writeBps?: number | undefined;
  readonly readIops?: number | undefined;
  readonly writeIops?: number | undefined;
}

export interface HealthSettings {
  /** argv; a shell command is `['/bin/sh', '-c', text]`. */
  readonly command?: readonly string[] | undefined;
  readonly intervalMs?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly startPeriodMs?: number | undefined;
  readonly startIntervalMs?: number | undefined;
  readonly retries?: number | undefined;
}

export interface LogSettings {
  /** `file` (default where the container is kept or detached) or `none`. */
  readonly driver?: 'file' | 'none' | undefined;
  /** Bytes; default 10 MiB. */
  readonly maxSize?: number | undefined;
  /** Default 3. */
  readonly maxFiles?: number | undefined;
}
