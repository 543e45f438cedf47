import type { Readable, Writable } from 'node:stream';
import { definePoint } from '../point.js';
import type { Mount } from '../snapshots/index.js';

/**
 * # Runtime: from a bundle to a process
 *
 * ```
 *   create            start             exit or kill          delete
 *  --------> created -------> running ----------------> stopped ------> (nothing)
 * ```
 * A *bundle* is a directory with `config.json` (OCI runtime-spec); the runtime mounts the given root file system where its
 * `root.path` says. Containers run under a monitor process that outlives whoever created them, unless
 * {@link CreateRequest.dieWithParent} is set.
 *
 * Laws:
 * 1. `create` returns when the container's environment exists and the user's program has not run yet. Then the root file
 *    system is mounted only where the runtime needs it, never in the caller's mount namespace.
 * 2. The exit code is exact: 0 to 255 as the program gave it; 128 + n when signal n ended it.
 * 3. stdout and stderr are separate and byte-exact (one stream when there is a terminal). `wait` resolves after they ended.
 * 4. `delete` removes every trace (cgroup, mounts, state); it is idempotent. `kill` of a stopped container: `not-found`.
 * 5. An error of the underlying tool carries its name and what it printed last: `internal` or `failed-precondition`; a missing
 *    tool is `failed-precondition` with the package to install.
 * 6. Whatever of creator, monitor and tool is killed, `delete(id)` from any process makes the host clean.
 *
 * The manifest declares `accepts`: the kinds of {@link Mount} it can use as a root file system.
 *
 * @stable
 * @since 0.1
 */
export interface Runtime {
  /** What this runtime can do on this host, measured. */
  features(): Promise<RuntimeFeatures>;
  /** Errors: `already-exists`, `failed-precondition`, `invalid-argument`, `unimplemented` (a kind of mount), `canceled`. */
  create(request: CreateRequest): Promise<RuntimeContainer>;
  /** As of now, for any process. Errors: `not-found`. */
  state(id: string): Promise<RuntimeState>;
  /** Kills what still runs and removes every trace. Idempotent: a container that is not there is no error. */
  delete(id: string): Promise<void>;
}

export const runtimePoint = definePoint<Runtime>('runtime.v1');

export interface RuntimeFeatures {
  /** `runc 1.1.5`. */
  readonly version: string;
  /** `process` shares the host's kernel; `vm` has its own. */
  readonly isolation: 'process' | 'vm';
  readonly seccomp: boolean;
}

export interface CreateRequest {
  /** 1 to 64 of `[a-zA-Z0-9_.-]`, starting with a letter or digit. */
  readonly id: string;
  /** Absolute path; holds config.json. Its owner removes it after `delete`. */
  readonly bundle: string;
  /** Root file system, in order. */
  readonly rootfs: readonly Mount[];
  readonly stdio: StdioRequest;
  /** The container and its monitor end when the creating process does. */
  readonly dieWithParent: boolean;
  /** Descriptors of this process that the monitor keeps open for as long as it lives (locks), and nobody below it sees. */
  readonly keepOpen: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

/** With a terminal stdout is the terminal's output and stderr is not used. Must agree with `process.terminal` in config.json. */
export interface StdioRequest {
  readonly terminal?: TerminalSize | undefined;
  readonly stdin: StdioTarget;
  readonly stdout: StdioTarget;
  readonly stderr: StdioTarget;
}

/** `pipe`: a stream of {@link RuntimeContainer}. `null`: /dev/null. A number: a descriptor of this process, used as it is. */
export type StdioTarget = 'pipe' | 'null' | number;

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** A container that this process created. Disposing forgets the handle, not the container. */
export interface RuntimeContainer extends AsyncDisposable {
  readonly id: string;
  /** Of the container's first process, on the host. */
  readonly pid: number;
  /** Of the monitor. */
  readonly monitorPid: number;
  /** Set where the request said `pipe`. */
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Lets the user's program run. Errors: `failed-precondition`, `internal`. */
  start(): Promise<void>;
  /** Sends a signal (number) to the first process. Errors: `not-found` when it has exited. */
  kill(signal: number): Promise<void>;
  /** Errors: `failed-precondition` without a terminal. */
  resize(size: TerminalSize): Promise<void>;
  /** Resolves once, after the output has ended, with the same value for every caller. Rejects with `internal` when the monitor was lost. */
  wait(): Promise<ExitStatus>;
}

export interface ExitStatus {
  /** 0 to 255; 128 + n for signal n. */
  readonly exitCode: number;
  /** Set when a signal ended it. */
  readonly signal?: number;
  /** RFC 3339. */
  readonly exitedAt: string;
}

export interface RuntimeState {
  readonly id: string;
  readonly status: 'creating' | 'created' | 'running' | 'paused' | 'stopped';
  readonly pid?: number;
}
