import type { ConfigTable, ContainerSummary } from 'slipway';

/** What the program `command.ts` is asked to do, as JSON in its first argument. */
export interface CommandRequest {
  readonly action:
    | 'pull'
    | 'run'
    | 'create'
    | 'start'
    | 'stop'
    | 'restart'
    | 'rename'
    | 'exec'
    | 'attach'
    | 'rm'
    | 'ps'
    | 'remove'
    | 'list'
    | 'mount'
    | 'unmount'
    | 'prune'
    | 'verify'
    | 'rebuild'
    | 'import'
    | 'commit'
    | 'push'
    | 'copy'
    | 'tag'
    | 'save'
    | 'load';
  readonly options: {
    readonly config: string;
    readonly root: string;
    readonly state: string;
    readonly settings?: ConfigTable | undefined;
  };
  /** Of `prune`: names and cut-off downloads, too. Of `rm`: also one that runs. */
  readonly all?: boolean | undefined;
  /** Of `verify`. */
  readonly repair?: boolean | undefined;
  /** For `pull`, `run`, `remove` and `mount`; for `import` and `commit` the new name. */
  readonly image?: string | undefined;
  /** For `push`, `copy` and `tag`; the new name of a container. */
  readonly to?: string | undefined;
  /** Where to `mount`, or what to `unmount`. */
  readonly directory?: string | undefined;
  /** A tar file, for `import`; an archive, for `save` and `load`. */
  readonly file?: string | undefined;
  /** Of `run`: it is left to itself, and kept. */
  readonly detach?: boolean | undefined;
  /** Of `run`: it is kept, and does not end with the command. */
  readonly keep?: boolean | undefined;
  /** Name of the container, for `run`, `commit` and whatever is done with one. */
  readonly id?: string | undefined;
  /** Of the container's process. */
  readonly args?: readonly string[] | undefined;
  readonly stack?: string | undefined;
}

/** What it prints: one line of JSON. */
export type CommandReport =
  | {
      readonly outcome: 'done';
      readonly exitCode?: number;
      readonly stdout?: string;
      readonly images?: readonly string[];
      readonly containers?: readonly ContainerSummary[];
      /** What a report tells that is not well: could not be removed, is damaged and not repaired, was lost. */
      readonly problems?: readonly string[];
    }
  | { readonly outcome: 'failed'; readonly kind: string; readonly code: string; readonly message: string };

/** In the environment variable of {@link planVariable}, as JSON, for the preload `at-step.ts`. */
export interface StepPlan {
  /** A file that gets one line for each step. */
  readonly trace?: string | undefined;
  readonly kill?: StepKill | undefined;
  /** Of a container that another command has started: what `monitor` means until this one starts another. */
  readonly monitor?: number | undefined;
}

export interface StepKill {
  readonly step: string;
  /** The how manieth step of that name in one thread, from 1. */
  readonly nth: number;
  /** In this order. The monitor is the one that `runtime.monitor.started` or `runtime.exec.begun` told last. */
  readonly whom: readonly ('monitor' | 'command')[];
}

export const planVariable = 'SLIPWAY_E2E_PLAN';
