import { type Container, type Engine, SlipwayError } from '@slipway/plugin-api';
import { type Action, type GlobalOptions, OptionValues } from '../src/command.js';

/** What a command calls, and nothing else: a call that was not expected fails by its name. */
type Part<T> = { readonly [Key in keyof T]?: T[Key] extends object ? Partial<T[Key]> : T[Key] };

export function fakeEngine(part: Part<Engine>): Engine {
  return { ...part, [Symbol.asyncDispose]: async () => undefined } as unknown as Engine;
}

/** Containers by name, of which each method that a test gives does what it says. */
export function containersNamed(names: readonly string[], methods: (name: string) => Partial<Container>): Part<Engine> {
  return {
    containers: {
      get: async (name) => {
        if (!names.includes(name)) throw notFound(name);
        return { id: `id-of-${name}`, name, image: 'docker.io/library/alpine:latest', ...methods(name) } as Container;
      },
    },
  };
}

export function notFound(name: string): SlipwayError {
  return new SlipwayError({ kind: 'not-found', code: 'CONTAINER_NOT_FOUND', message: `no container "${name}" here` });
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Line {
  readonly name: string;
  readonly args?: readonly string[];
  readonly options?: Readonly<Record<string, unknown>>;
  readonly global?: Partial<GlobalOptions>;
}

/** An action as the parser calls it. */
export async function carryOut(action: Action, { name, args = [], options = {}, global = {} }: Line): Promise<Ran> {
  let [out, err] = ['', ''];
  const code = await action({
    name,
    args,
    // The parser says so unless there is --no-trunc.
    options: new OptionValues({ trunc: true, ...options }),
    global: { json: false, quiet: false, debug: false, ...global },
    output: {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
    },
  });
  return { code, out, err };
}
