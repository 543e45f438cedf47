import type { Output } from './output.js';

/** What a shell completes a word with: paths, or names that are here. `running` and the like: of containers that are so; `network-modes`: networks, none and host. */
export const nameKinds = [
  'images',
  'volumes',
  'networks',
  'network-modes',
  'containers',
  'running',
  'paused',
  'stopped',
  'containers-and-images',
  /** `web:`, for a path in it to follow. */
  'container-paths',
] as const;
/** `path`: a file here, or in a container. */
export type Completed = 'file' | 'directory' | 'path' | (typeof nameKinds)[number];

/** An option as commander writes it: `-e, --env <name[=value]>`. */
export interface OptionSpec {
  readonly flags: string;
  readonly text: string;
  /** May be given several times; its values make a list. */
  readonly repeats?: true;
  readonly choices?: readonly string[];
  /** What a shell offers; other values are possible. */
  readonly offers?: readonly string[];
  /** Above it and its like in the help; `Options:` when absent. */
  readonly heading?: string;
  /** Its value. */
  readonly completes?: Completed;
}

/** One command, as data: the parser, the help, the completion scripts and the reference page are made from it. */
export interface CommandSpec {
  /** Words that choose it: `images mount`. */
  readonly name: string;
  /** As commander writes them: `<ref...>`, `[command]`. */
  readonly args: readonly ArgumentSpec[];
  readonly summary: string;
  /** Further paragraphs of its help. */
  readonly description?: string;
  readonly examples: readonly (readonly [command: string, meaning: string])[];
  readonly options: readonly OptionSpec[];
  /** Heading in the list of commands. */
  readonly group: string;
  /** Chosen when its parent is given alone. */
  readonly isDefault?: true;
  /** Options end at the first argument; all that follows belongs to the command in the container. */
  readonly passesThrough?: true;
  /** In no list: other programs call it. */
  readonly hidden?: true;
  /** What somebody meant who gives it more arguments than it takes. */
  readonly surplus?: string;
  readonly load: () => Promise<Action>;
}

export interface ArgumentSpec {
  readonly name: string;
  readonly text: string;
  readonly choices?: readonly string[];
  readonly completes?: Completed;
}

/** Resolves with the exit code. */
export type Action = (invocation: Invocation) => Promise<number>;

export interface Invocation {
  /** `images mount`. */
  readonly name: string;
  readonly args: readonly string[];
  readonly options: OptionValues;
  readonly global: GlobalOptions;
  readonly output: Output;
}

export interface GlobalOptions {
  readonly stack?: string | undefined;
  readonly root?: string | undefined;
  readonly state?: string | undefined;
  readonly config?: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly debug: boolean;
}

/** What the parser found, by the option's long name in camel case. */
export class OptionValues {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  /** `--no-NAME` was given. */
  isOff(name: string): boolean {
    return this.#values[name] === false;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? (value as readonly string[]) : [];
  }
}
