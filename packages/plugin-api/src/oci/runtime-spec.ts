/** The parts of config.json (OCI runtime-spec, config.md and config-linux.md) that Slipway writes. */
export interface RuntimeSpec {
  readonly ociVersion: string;
  readonly hostname?: string;
  readonly root: { readonly path: string; readonly readonly?: boolean };
  readonly process: RuntimeProcess;
  readonly mounts: readonly RuntimeMount[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly domainname?: string;
  readonly hooks?: RuntimeHooks;
  readonly linux: RuntimeLinux;
}

/** config.md, "POSIX-platform Hooks". */
export interface RuntimeHooks {
  readonly createRuntime?: readonly RuntimeHook[];
  readonly createContainer?: readonly RuntimeHook[];
  readonly startContainer?: readonly RuntimeHook[];
  readonly poststart?: readonly RuntimeHook[];
  readonly poststop?: readonly RuntimeHook[];
}

export interface RuntimeHook {
  /** Absolute. */
  readonly path: string;
  /** With the program's name first. */
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
}

export interface RuntimeProcess {
  readonly terminal?: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids?: readonly number[] };
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities?: RuntimeCapabilities;
  /** 2 ** 64, as JSON.parse reads RLIM_INFINITY: no limit. */
  readonly rlimits?: readonly { readonly type: string; readonly soft: number; readonly hard: number }[];
  readonly noNewPrivileges?: boolean;
  readonly oomScoreAdj?: number;
}

export interface RuntimeCapabilities {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable?: readonly string[];
  readonly ambient?: readonly string[];
}

export interface RuntimeMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options?: readonly string[];
}

export interface RuntimeLinux {
  readonly namespaces: readonly { readonly type: string; readonly path?: string }[];
  readonly cgroupsPath?: string;
  readonly resources?: RuntimeResources;
  readonly devices?: readonly RuntimeDevice[];
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly seccomp?: RuntimeSeccomp;
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly rootfsPropagation?: string;
}

/** config-linux.md, "Devices". */
export interface RuntimeDevice {
  readonly type: 'c' | 'b' | 'u' | 'p';
  readonly path: string;
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** config-linux.md, "Control groups". Numbers are safe integers; bytes and microseconds as there. */
export interface RuntimeResources {
  readonly devices?: readonly {
    readonly allow: boolean;
    readonly type?: string;
    readonly major?: number;
    readonly minor?: number;
    readonly access?: string;
  }[];
  readonly memory?: {
    /** Bytes; -1: none. */
    readonly limit?: number;
    readonly reservation?: number;
    /** Memory and swap together; -1: no limit of swap. */
    readonly swap?: number;
    readonly swappiness?: number;
    readonly disableOOMKiller?: boolean;
  };
  readonly cpu?: {
    readonly shares?: number;
    /** Microseconds in each period; -1: no limit. */
    readonly quota?: number;
    readonly period?: number;
    readonly cpus?: string;
    readonly mems?: string;
  };
  /** 0 or less: no limit. */
  readonly pids?: { readonly limit: number };
  readonly blockIO?: {
    readonly weight?: number;
    readonly weightDevice?: readonly { readonly major: number; readonly minor: number; readonly weight: number }[];
    readonly throttleReadBpsDevice?: readonly ThrottledDevice[];
    readonly throttleWriteBpsDevice?: readonly ThrottledDevice[];
    readonly throttleReadIOPSDevice?: readonly ThrottledDevice[];
    readonly throttleWriteIOPSDevice?: readonly ThrottledDevice[];
  };
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  /** Files of the unified hierarchy, as they are. */
  readonly unified?: Readonly<Record<string, string>>;
}

export interface ThrottledDevice {
  readonly major: number;
  readonly minor: number;
  readonly rate: number;
}

export interface RuntimeSeccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly flags?: readonly string[];
  readonly syscalls: readonly RuntimeSyscallRule[];
}

export interface RuntimeSyscallRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly { readonly index: number; readonly value: number; readonly valueTwo?: number; readonly op: string }[];
}
