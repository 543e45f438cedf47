import type { Readable, Writable } from 'node:stream';
import type { RuntimeProcess, RuntimeResources } from '../oci/index.js';
import { definePoint } from '../point.js';
import type { Mount } from '../snapshots/index.js';
import type { HealthRecord, RestartPolicy, Supervision } from './supervision.js';

/**
 * # Runtime: from a bundle to a process
 *
 * ```
 *   create            start             exit or kill          delete
 *  --------> created -------> running ----------------> stopped ------> (nothing)
 *                              ^   | pause
 *                       resume |   v
 *                              paused
 * ```
 * A *bundle* is a directory with `config.json` (OCI runtime-spec); the runtime mounts the given root file system where its
 * `root.path` says. Containers run under a monitor process that outlives whoever created them, unless
 * {@link CreateRequest.dieWithParent} is set. Everything but `create` works for any process, by the container's id.
 *
 * Laws:
 * 1. `create` returns when the container's environment exists and the user's program has not run yet. Then the root file
 *    system is mounted only where the runtime needs it, never in the caller's mount namespace.
 * 2. The exit code is exact: 0 to 255 as the program gave it; 128 + n when signal n ended it.
 * 3. stdout and stderr are separate and byte-exact (one stream when there is a terminal). `wait` resolves after they ended.
 * 4. `delete` removes every trace (cgroup, mounts, state); it is idempotent. `kill` of a stopped container: `not-found`.
 * 5. An error of the underlying tool carries its name and what it printed last: `internal` or `failed-precondition`; a missing
 *    tool is `failed-precondition` with the package to install.
 * 6. Whatever of creator, monitor and tool is killed, `state(id)` tells what is so, and `delete(id)` from any process makes the host clean.
 *    A container that may outlive its creator goes on when its monitor is killed; how it ends is then not known.
 * 7. When the first process has ended and no restart is to come, nothing of the container is left but what `state` needs: no process, mount or cgroup.
 * 8. A process of `exec` ends with the container. Its exit code and streams are as exact as those of the first process.
 * 9. What cannot be done with this runtime on this host is `unimplemented` and false in its features, never a silent nothing.
 *
 * The manifest declares `accepts`: the kinds of {@link Mount} it can use as a root file system; and `isolation: "vm"` where its containers have a kernel of their own, which
 * writes to their file systems itself: of those nothing is mounted on the host to start one again.
 *
 * @stable
 * @since 0.1
 */
export interface Runtime {
  /** What this runtime can do on this host, measured. */
  features(): Promise<RuntimeFeatures>;
  /** Errors: `already-exists`, `failed-precondition`, `invalid-argument`, `unimplemented` (a kind of mount), `canceled`. */
  create(request: CreateRequest): Promise<RuntimeContainer>;
  /** As of now. Errors: `not-found`. */
  state(id: string): Promise<RuntimeState>;
  /** Lets the user's program of a created container run. Errors: `not-found`, `failed-precondition`. */
  start(id: string): Promise<void>;
  /** Sends a signal (number) to the first process, or to every process of the container. The restart policy no longer applies after SIGKILL. Errors: `not-found` when it has exited. */
  kill(id: string, signal: number, options?: { readonly all?: boolean | undefined }): Promise<void>;
  /**
   * Asks for the end: the signal, SIGKILL after the grace; no restart. Resolves when it has exited (at once when it has before). A paused one is resumed for it.
   * Errors: `not-found`.
   */
  stop(id: string, request: StopRequest): Promise<ExitStatus>;
  /** Resolves when it has exited and will not be restarted. Rejects with `data-loss` (EXIT_UNKNOWN) where its monitor was killed before. Errors: `not-found`, `canceled`. */
  wait(id: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<ExitStatus>;
  /** Another process in a running container. Errors: `not-found`, `failed-precondition` (not running, paused), `not-found` COMMAND_NOT_FOUND, `permission-denied` COMMAND_NOT_EXECUTABLE. */
  exec(id: string, request: ExecRequest): Promise<ExecProcess>;
  /** Connects to the streams of a container that is there. What was written before is not told again. Errors: `not-found`, `failed-precondition` (its monitor was killed). */
  attach(id: string, request?: AttachRequest): Promise<Attachment>;
  /** Errors: `not-found`, `failed-precondition` without a terminal. */
  resize(id: string, size: TerminalSize): Promise<void>;
  /** Freezes every process. Errors: `not-found`, `failed-precondition` (not running, or paused already), `unimplemented`. */
  pause(id: string): Promise<void>;
  /** Errors: `not-found`, `failed-precondition` (not paused). */
  resume(id: string): Promise<void>;
  /** Numbers of its processes on the host, with those of `exec`. Of a `vm`: of the processes that stand for the first one and those of `exec`. Errors: `not-found` (also when it has exited). */
  processes(id: string): Promise<readonly number[]>;
  /** Errors: `not-found` (also when it has exited). */
  stats(id: string): Promise<RuntimeStats>;
  /** New limits for a running container; what is not named stays. All or nothing is not promised: the error says what failed. Errors: `not-found`, `invalid-argument`, `failed-precondition`. */
  update(id: string, resources: RuntimeResources): Promise<void>;
  /**
   * Another restart policy for one that has not ended; a restart that is waited for comes. Errors: `not-found` (also when it has ended), `failed-precondition` (it was created
   * without {@link Supervision}, or its monitor was killed).
   */
  setRestartPolicy(id: string, policy: RestartPolicy): Promise<void>;
  /** Kills what still runs and removes every trace. Idempotent: a container that is not there is no error. */
  delete(id: string): Promise<void>;
}

export const runtimePoint = definePoint<Runtime>('runtime.v1');

export interface RuntimeFeatures {
  /** `runc 1.1.5`. */
  readonly version: string;
  /** `process` shares the host's kernel; `vm` has its own. */
  readonly isolation: 'process' | 'vm';
  /** Of a `vm`: what those made from now on run on, and why that is not `kvm`. */
  readonly machine?: MachineAcceleration & { readonly reason?: string };
  readonly seccomp: boolean;
  readonly pause: boolean;
  readonly exec: boolean;
  readonly update: boolean;
}

export interface MachineAcceleration {
  /** Emulation (`tcg`) is a program like any other: isolation by hardware is `kvm` alone. */
  readonly accel: 'kvm' | 'tcg';
  readonly hardware: boolean;
}

/** A machine that was made for one container. */
export interface MachineState extends MachineAcceleration {
  readonly memoryMiB: number;
  readonly cpus: number;
}

export interface CreateRequest {
  /** 1 to 64 of `[a-zA-Z0-9_.-]`, starting with a letter or digit. */
  readonly id: string;
  /** Absolute path; holds config.json. Its owner removes it after `delete`. */
  readonly bundle: string;
  /** Root file system, in order. */
  readonly rootfs: readonly Mount[];
  /**
   * Detached mount trees (descriptors of this process) that are attached where the runtime makes the container and nowhere else, before it is made: sources of binds in
   * config.json. The directories are below the bundle and are made if they are missing. The caller closes its descriptors afterwards.
   */
  readonly attachments?: readonly { readonly fd: number; readonly directory: string }[] | undefined;
  readonly stdio: StdioRequest;
  /** The container and its monitor end when the creating process does. */
  readonly dieWithParent: boolean;
  /** Descriptors of this process that the monitor keeps open for as long as it lives (locks), and nobody below it sees. */
  readonly keepOpen: readonly number[];
  /** Absent: no record, no log, no restart. */
  readonly supervision?: Supervision | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** With a terminal stdout is the terminal's output and stderr is not used. Must agree with `process.terminal` in config.json. */
export interface StdioRequest {
  readonly terminal?: TerminalSize | undefined;
  readonly stdin: StdioTarget;
  readonly stdout: StdioTarget;
  readonly stderr: StdioTarget;
}

/**
 * `pipe`: a stream of the handle. `null`: /dev/null. A number: a descriptor of this process, used as it is. `attached` (stdin only): open for as long as the
 * container lives; whoever attaches writes to it.
 */
export type StdioTarget = 'pipe' | 'null' | 'attached' | number;

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface StopRequest {
  /** Sent first. */
  readonly signal: number;
  /** Until SIGKILL; 0: at once. Infinity: never. */
  readonly graceMs: number;
  readonly abort?: AbortSignal | undefined;
}

export interface ExecRequest {
  /** As it is: the caller has merged in the container's environment, user and capabilities. */
  readonly process: RuntimeProcess;
  readonly stdio: StdioRequest;
  /** The process ends when this one does. */
  readonly dieWithParent: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What a process of this host's Slipway can see and do of a process in a container. Disposing forgets the handle, not the process. */
export interface ExecProcess extends AsyncDisposable {
  /** On the host. */
  readonly pid: number;
  /** Set where the request said `pipe`. */
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Sends a signal (number) to the process. Errors: `not-found` when it has exited. */
  kill(signal: number): Promise<void>;
  /** Errors: `failed-precondition` without a terminal. */
  resize(size: TerminalSize): Promise<void>;
  /** The streams that this process' own descriptors were given for are closed; the process goes on and what it writes goes nowhere. */
  detach(): Promise<void>;
  /** Resolves once, after the output has ended, with the same value for every caller. Rejects with `internal` when the monitor was lost. */
  wait(): Promise<ExitStatus>;
}

/** A container that this process created. */
export interface RuntimeContainer extends ExecProcess {
  readonly id: string;
  /** Of the monitor. */
  readonly monitorPid: number;
  /** Lets the user's program run. Errors: `failed-precondition`, `internal`. */
  start(): Promise<void>;
}

export interface AttachRequest {
  /** Also writes to its stdin: `failed-precondition` when it was created without. */
  readonly stdin?: boolean | undefined;
  readonly stdout?: boolean | undefined;
  readonly stderr?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Reading slowly slows the container down; leaving does not. Disposing detaches. */
export interface Attachment extends AsyncDisposable {
  readonly terminal: boolean;
  /** Ending it ends the container's stdin. */
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Resolves when the container has ended for good and all of its output was told. Rejects with `internal` when the monitor was lost. */
  readonly ended: Promise<ExitStatus>;
}

export interface ExitStatus {
  /** 0 to 255; 128 + n for signal n. */
  readonly exitCode: number;
  /** Set when a signal ended it. */
  readonly signal?: number;
  /** RFC 3339. */
  readonly exitedAt: string;
  /** The kernel killed a process of the container for lack of memory in its cgroup. */
  readonly oomKilled?: boolean;
}

export interface RuntimeState {
  readonly id: string;
  readonly status: 'creating' | 'created' | 'running' | 'paused' | 'restarting' | 'stopped';
  readonly pid?: number;
  /** RFC 3339; of the run that goes on or was last. */
  readonly startedAt?: string;
  /** Of the run that ended last; absent where the monitor was killed before it could tell. */
  readonly exit?: ExitStatus;
  readonly restarts?: number;
  readonly health?: HealthRecord;
  /** Of a `vm`, until its program has ended for good. */
  readonly machine?: MachineState;
  /** False: nobody watches it any more; its end will not be recorded. */
  readonly supervised: boolean;
}

/** As its cgroup tells; counters since it was made. What the host does not count is absent. */
export interface RuntimeStats {
  /** RFC 3339. */
  readonly readAt: string;
  readonly cpu: {
    readonly usageNs: bigint;
    readonly userNs: bigint;
    readonly systemNs: bigint;
    readonly throttledPeriods?: bigint;
    readonly throttledNs?: bigint;
  };
  readonly memory: {
    readonly usageBytes: bigint;
    /** Without file cache that can be dropped at once (inactive_file), as `docker stats` counts it. */
    readonly workingSetBytes: bigint;
    /** Absent: none. */
    readonly limitBytes?: bigint;
    readonly maxUsageBytes?: bigint;
    readonly swapBytes?: bigint;
    /** Times that a process was killed for lack of memory. */
    readonly oomKills: bigint;
  };
  readonly pids: { readonly current: bigint; readonly limit?: bigint };
  readonly io: { readonly readBytes: bigint; readonly writeBytes: bigint };
  /** Of the network namespace, without loopback; absent with the host's. */
  readonly network?: { readonly receivedBytes: bigint; readonly sentBytes: bigint };
}
