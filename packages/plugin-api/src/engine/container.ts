import type { Duplex, Readable, Writable } from 'node:stream';
import type { PublishedPort } from '../network/index.js';
import type { RuntimeSpec } from '../oci/index.js';
import type {
  EventLine,
  ExitStatus,
  HealthRecord,
  MachineState,
  RestartPolicy,
  RuntimeStats,
  TerminalSize,
} from '../runtime/index.js';
import type { ContainerNetwork } from './networks.js';
import type { ContainerSettings, ResourceLimits } from './settings.js';

/** `pipe`: a stream of the handle, which must be read. `inherit`: this process' own. `ignore`: /dev/null. */
export type Stdio = 'pipe' | 'inherit' | 'ignore';

/**
 * A container that is there, whoever made it. Several handles, of several processes, may be of one container; every method asks anew what is so. Disposing of one forgets it,
 * and nothing else.
 *
 * Errors of all: `not-found` when it has been removed.
 *
 * @stable
 * @since 0.1
 */
export interface Container extends AsyncDisposable {
  readonly id: string;
  /** When the handle was made; `rename` changes it for everyone. */
  readonly name: string;
  readonly image: string;
  inspect(): Promise<ContainerDetails>;
  /** Lets it run on its own; nothing of this process holds it. Errors: `failed-precondition` (runs already, is paused). */
  start(options?: StartOptions): Promise<void>;
  /** The stop signal, SIGKILL after the grace. Resolves when it has ended; does nothing when it has before. */
  stop(options?: StopOptions): Promise<void>;
  /** By number or name: `SIGTERM`, `TERM`, 15; default SIGKILL. Errors: `failed-precondition` when it does not run (`not-found` where its streams are this process'), `invalid-argument`. */
  kill(signal?: string | number): Promise<void>;
  restart(options?: StopOptions): Promise<void>;
  pause(): Promise<void>;
  unpause(): Promise<void>;
  /** Resolves when it has exited and all of its output is where it goes, with what it exited with; `until`: `next-exit` waits for the end of the next run, `removed` for the removal. */
  wait(options?: WaitForOptions): Promise<ExitStatus>;
  /** Another process in it. Errors: `failed-precondition` when it does not run; COMMAND_NOT_FOUND, COMMAND_NOT_EXECUTABLE. */
  exec(options: ExecOptions): Promise<Exec>;
  /** Its streams from now on. */
  attach(options?: AttachOptions): Promise<ContainerStreams>;
  /** What it has written, oldest first, line by line. Errors: `failed-precondition` when no log is kept. */
  logs(options?: LogsOptions): AsyncIterable<LogEntry>;
  resize(size: TerminalSize): Promise<void>;
  top(): Promise<readonly ContainerProcess[]>;
  stats(): Promise<RuntimeStats>;
  /** Of a running one at once, of another when it starts. What is absent stays. */
  update(changes: ContainerUpdate): Promise<void>;
  rename(name: string): Promise<void>;
  /**
   * Writes a tar stream of what is at the path, with its last name as the top entry, links not followed. Errors: `not-found` (PATH_NOT_FOUND), `aborted` (changes meanwhile).
   */
  copyFrom(path: string, output: Writable, options?: CopyFromOptions): Promise<PathStat>;
  /** Unpacks a tar stream in a folder of the container, resolved in it. Errors: `not-found`, `invalid-argument` (not a folder), `failed-precondition` (read-only). */
  copyTo(path: string, input: Readable, options?: CopyToOptions): Promise<void>;
  /** What is at the path; undefined when nothing is. */
  statPath(path: string): Promise<PathStat | undefined>;
  /** Where the host passes connections on to it, while it runs. */
  ports(): Promise<readonly PublishedPort[]>;
  /** What `docker port` tells of one: where on the host. Errors: `not-found` when it is not published. */
  port(containerPort: number, protocol?: PublishedPort['protocol']): Promise<PublishedPort>;
  /**
   * A way in for this program alone, whichever network the container has: listens on this host (default: 127.0.0.1, a free port) and connects to the port on the container's own
   * loopback, or `address`. Ends with the disposal. Errors: `failed-precondition` when it does not run.
   */
  forward(containerPort: number, options?: ForwardOptions): Promise<PortForward>;
  /** With its anonymous volumes, if asked. Errors: `failed-precondition` when it runs, without `force`. */
  remove(options?: RemoveContainerOptions): Promise<void>;
}

/**
 * A container that this process started and whose streams it has. Disposing ends it unless it was started to be `detached`, and waits until nothing
 * is left of it when it is one that is removed at its end.
 */
export interface RunningContainer extends Container {
  /** Of its first process, on the host. */
  readonly pid: number;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** Leaves it to itself: it goes on, its streams end here, disposing does nothing more. Errors: `failed-precondition` when it dies with its parent. */
  detach(): Promise<void>;
  /** Collects stdout and stderr and waits. Errors: `resource-exhausted` over `maxBytes` (16 MiB) in one of them: the container is killed. */
  output(options?: { readonly maxBytes?: number | undefined }): Promise<ContainerOutput>;
}

export interface ContainerOutput extends ExitStatus {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface StartOptions extends WaitOptions {
  /** Called, and waited for, when the container is there and its program has not started: who attaches here misses nothing. */
  readonly onCreated?: (() => void | Promise<void>) | undefined;
}

export interface WaitForOptions extends WaitOptions {
  /** Default `exit`: at once when it does not run. */
  readonly until?: 'exit' | 'next-exit' | 'removed' | undefined;
}

export interface StopOptions extends WaitOptions {
  /** Instead of the container's own. */
  readonly stopSignal?: string | number | undefined;
  /** Until SIGKILL, instead of the container's own; -1: never. */
  readonly timeoutMs?: number | undefined;
}

export interface ForwardOptions extends WaitOptions {
  /** Default `127.0.0.1`. */
  readonly hostAddress?: string | undefined;
  /** Default: a free one. */
  readonly hostPort?: number | undefined;
  /** In the container; default: 127.0.0.1, then ::1. */
  readonly address?: string | undefined;
}

export interface PortForward extends AsyncDisposable {
  readonly hostAddress: string;
  readonly hostPort: number;
  /** Another connection, without the listening socket. */
  connect(options?: WaitOptions): Promise<Duplex>;
}

export interface RemoveContainerOptions extends WaitOptions {
  /** Kill it first. */
  readonly force?: boolean | undefined;
  /** Also its anonymous volumes. */
  readonly volumes?: boolean | undefined;
}

export interface ExecOptions {
  readonly args: readonly string[];
  /** Over the container's own. */
  readonly env?: readonly string[] | undefined;
  readonly workdir?: string | undefined;
  readonly user?: string | undefined;
  readonly terminal?: TerminalSize | undefined;
  /** All capabilities. The filter of system calls stays the container's own: runtimes put it on every process in it. */
  readonly privileged?: boolean | undefined;
  /** Default: stdin `ignore`, stdout and stderr `pipe`; with `detach` all are `ignore`. */
  readonly stdin?: Stdio | undefined;
  readonly stdout?: Stdio | undefined;
  readonly stderr?: Stdio | undefined;
  /** It goes on when this process ends. */
  readonly detach?: boolean | undefined;
  /** Aborting kills it. */
  readonly signal?: AbortSignal | undefined;
}

/** Disposing kills it, unless it is detached, and waits for its end. */
export interface Exec extends AsyncDisposable {
  readonly pid: number;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  kill(signal?: string | number): Promise<void>;
  resize(size: TerminalSize): Promise<void>;
  /** It goes on, its streams end here. */
  detach(): Promise<void>;
  wait(): Promise<ExitStatus>;
  output(options?: { readonly maxBytes?: number | undefined }): Promise<ContainerOutput>;
}

export interface AttachOptions extends WaitOptions {
  /** Default: stdin not, the others yes. */
  readonly stdin?: boolean | undefined;
  readonly stdout?: boolean | undefined;
  readonly stderr?: boolean | undefined;
}

export interface ContainerStreams extends AsyncDisposable {
  readonly terminal: boolean;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable | undefined;
  readonly stderr: Readable | undefined;
  /** When the container has ended and all was told. */
  wait(): Promise<ExitStatus>;
}

export interface LogsOptions extends WaitOptions {
  /** Go on until the container has ended for good. */
  readonly follow?: boolean | undefined;
  /** Only what was written at or after (before) it. */
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
  /** Only the last so many lines of what there is. */
  readonly tail?: number | undefined;
  readonly stdout?: boolean | undefined;
  readonly stderr?: boolean | undefined;
}

export interface LogEntry {
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  /** As written, with its newline where it had one; a line over 16 KiB comes in pieces. */
  readonly bytes: Buffer;
  /** The same as text, without the newline. */
  readonly line: string;
}

export interface ContainerProcess {
  /** On the host. */
  readonly pid: number;
  readonly ppid: number;
  /** In the container. */
  readonly containerPid: number;
  readonly uid: number;
  /** One letter, as ps(1) has it. */
  readonly state: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly command: readonly string[];
}

export interface ContainerUpdate {
  readonly limits?: ResourceLimits | undefined;
  readonly restart?: RestartPolicy | undefined;
}

export interface CopyFromOptions extends WaitOptions {
  /** Follow a link in the last place. */
  readonly followLink?: boolean | undefined;
}

export interface CopyToOptions extends WaitOptions {
  /** Owners and groups as the tar file says; else all belongs to the container's root. */
  readonly keepOwners?: boolean | undefined;
  /** A folder may not take the place of a file, nor a file that of a folder. */
  readonly noReplaceKind?: boolean | undefined;
}

export interface PathStat {
  /** Absolute, in the container, after all links but the last. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  readonly mode: number;
  readonly size: number;
  /** RFC 3339. */
  readonly modifiedAt: string;
  readonly linkTarget?: string;
}

export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'exited';

export interface ContainerSummary {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  /** What runs in it. */
  readonly command: readonly string[];
  readonly createdAt: string;
  readonly status: ContainerStatus;
  /** Of a running one, on the host. */
  readonly pid?: number;
  readonly startedAt?: string;
  /** Absent while it runs for the first time; without `exitCode` when nobody saw how it ended. */
  readonly finishedAt?: string;
  readonly exitCode?: number;
  readonly oomKilled?: boolean;
  readonly restarts: number;
  readonly health?: HealthRecord;
  readonly labels: Readonly<Record<string, string>>;
  /** While it runs. */
  readonly ports: readonly PublishedPort[];
  readonly runtime: string;
  readonly snapshotter: string;
  /** Its monitor was killed: it runs on, and how it ends will not be known. */
  readonly unsupervised?: boolean;
}

export interface ListContainersOptions {
  /** Also those that do not run. */
  readonly all?: boolean | undefined;
  /** All kinds that are given must hold; of several values of one kind one must, of labels all. */
  readonly filters?: ContainerFilters | undefined;
}

export interface ContainerFilters {
  readonly id?: readonly string[] | undefined;
  /** A part of the name. */
  readonly name?: readonly string[] | undefined;
  /** `key` or `key=value`. */
  readonly label?: readonly string[] | undefined;
  readonly status?: readonly ContainerStatus[] | undefined;
  readonly exited?: readonly number[] | undefined;
  readonly ancestor?: readonly string[] | undefined;
  readonly volume?: readonly string[] | undefined;
  readonly health?: readonly string[] | undefined;
  readonly before?: string | undefined;
  readonly since?: string | undefined;
}

export interface EventsOptions extends WaitOptions {
  readonly since?: Date | undefined;
  /** Absent: those to come, without end. */
  readonly until?: Date | undefined;
  readonly filters?:
    | {
        readonly type?: readonly EventLine['type'][] | undefined;
        readonly action?: readonly string[] | undefined;
        readonly container?: readonly string[] | undefined;
        readonly label?: readonly string[] | undefined;
      }
    | undefined;
}

export interface ContainerDetails extends ContainerSummary {
  readonly manifest: string;
  readonly chainId: string | null;
  readonly snapshotKey: string;
  /** What was asked for. */
  readonly settings: ContainerSettings;
  /** What runs, or ran last: config.json; absent before the first start. */
  readonly spec?: RuntimeSpec;
  readonly mounts: readonly ContainerMount[];
  /** While it runs. */
  readonly networks: readonly ContainerNetwork[];
  /** Path of the log that is written now; absent where none is kept. */
  readonly logPath?: string;
  /** What it runs on, where that is a machine of its own; while it is there. */
  readonly machine?: MachineState;
  /** Removed when it ends. */
  readonly removeAtExit: boolean;
}

export interface ContainerMount {
  readonly type: 'bind' | 'volume' | 'tmpfs';
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly volume?: string;
  readonly driver?: string;
  readonly propagation?: string;
}
