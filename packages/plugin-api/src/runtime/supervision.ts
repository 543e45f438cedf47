import type { ExitStatus } from './runtime.js';

/**
 * What the monitor does for a container on its own, when whoever started it may be gone, and the record that it keeps of it.
 *
 * @stable
 * @since 0.1
 */
export interface Supervision {
  /** An existing folder of this container alone, 0700, that survives a reboot unless `fleeting`. The monitor keeps {@link statusFile} there, and the log files. */
  readonly directory: string;
  /** Nobody asks for the record after a power failure: nothing waits until it is durable. */
  readonly fleeting?: boolean | undefined;
  /** Absent: what the container writes is kept nowhere. */
  readonly log?: LogFiles | undefined;
  /** Absent: never. */
  readonly restart?: RestartPolicy | undefined;
  readonly health?: HealthProbe | undefined;
  /** A file to which an {@link EventLine} is appended (O_APPEND, one write) at each `start`, `die`, `oom` and `health_status`. */
  readonly events?: string | undefined;
  /**
   * argv (the first is an absolute path) of what cleans up after it where nobody is there to do so: run once by the monitor as its last act, when the container has ended for good, its
   * deletion has run, the process that created it is gone or has left it to itself, and nobody else has asked for its deletion. It begins when the monitor is gone, in a session of its
   * own, in the root folder and mount namespace of its creator, with this environment (`NAME=value`) and nothing of the container's: no descriptor (0 to 2 are /dev/null), no namespace, no
   * lock. What cannot be run is not run.
   */
  readonly afterEnd?: { readonly args: readonly string[]; readonly env: readonly string[] } | undefined;
}

/**
 * `log` is written now, `log.1` is the newest that is full. Each line: `TIME stdout|stderr F|P TEXT` (the log format of Kubernetes' CRI): RFC 3339
 * with nanoseconds, UTC; `P` when the line goes on in the next one of its stream (it is longer than 16 KiB, or ended without a newline).
 */
export interface LogFiles {
  /** A file that would grow beyond it is rotated. */
  readonly maxBytes: number;
  /** How many are kept in all, at least 1. */
  readonly maxFiles: number;
}

export type RestartPolicyName = 'no' | 'on-failure' | 'always' | 'unless-stopped';

/** After 100 ms, then twice as long each time up to a minute; from the beginning again after 10 s of running. Not after it was stopped or killed on request. */
export interface RestartPolicy {
  readonly name: RestartPolicyName;
  /** Of `on-failure`: after so many in a row no more; without end when absent. */
  readonly maximumRetries?: number | undefined;
}

/** A command in the container, as its own user and with its environment; exit status 0 says healthy. */
export interface HealthProbe {
  /** argv. */
  readonly args: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** For so long after the start a failure does not count. */
  readonly startPeriodMs: number;
  /** Between probes during the start period. */
  readonly startIntervalMs: number;
  /** So many failures in a row: unhealthy. */
  readonly retries: number;
}

export type HealthStatus = 'starting' | 'healthy' | 'unhealthy';

/** Name of the record in {@link Supervision.directory}: replaced whole and durably at each change. */
export const statusFile = 'status.json';

/**
 * What the monitor knows. It says `running` also where monitor and container were killed since: whoever reads it checks that the processes live
 * (boot, number and start time are theirs).
 */
export interface StatusRecord {
  readonly status: 'created' | 'running' | 'restarting' | 'exited';
  /** /proc/sys/kernel/random/boot_id. */
  readonly bootId: string;
  readonly monitor: ProcessIdentity;
  /** The container's first process; absent while there is none. */
  readonly process?: ProcessIdentity;
  /** Of the run that goes on or was last. RFC 3339. */
  readonly startedAt?: string;
  /** Of the run that ended last. */
  readonly exit?: ExitStatus & { readonly oomKilled: boolean };
  /** By the restart policy, since it was started on request. */
  readonly restarts: number;
  /** Somebody asked for the end: the restart policy does not apply. */
  readonly stopRequested: boolean;
  readonly health?: HealthRecord;
}

export interface HealthRecord {
  readonly status: HealthStatus;
  /** Failures in a row. */
  readonly failures: number;
  /** The last probe: what it printed, at most 4 KiB, and its exit status (-1: it was killed for its time). */
  readonly last?: { readonly endedAt: string; readonly exitCode: number; readonly output: string };
}

/** A number is used again; together with the start time (field 22 of /proc/PID/stat, in ticks since the boot) it is one process. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: string;
}

/** One line of JSON in the journal of events, at most 4 KiB with its newline. */
export interface EventLine {
  /** RFC 3339 with nanoseconds, UTC. */
  readonly time: string;
  readonly type: 'container' | 'image' | 'volume' | 'network';
  /** `create`, `start`, `die`, ...; Docker's words. */
  readonly action: string;
  /** Of a container: its id. Of an image, volume or network: its name. */
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
}
