import { canceled, SlipwayError } from '@slipway/plugin-api';
import { Clock } from '../clock.js';

/** The resources that a plugin has handed over with `own()`. */
export class OwnedResources {
  readonly #resources: (Disposable | AsyncDisposable)[] = [];
  #released = false;

  constructor(
    private readonly owner: string,
    private readonly timeoutMs: number,
    private readonly onLateError: (error: unknown) => void,
  ) {}

  /**
   * A resource that arrives after the release (an activation that was given up went on) is released at once, so that
   * nothing outlives its plugin, and the plugin learns it by an error.
   */
  add<R extends Disposable | AsyncDisposable>(resource: R): R {
    if (!isDisposable(resource)) throw new TypeError('own() was given a value that cannot be disposed');
    if (!this.#released) {
      this.#resources.push(resource);
      return resource;
    }
    disposeWithin(resource, this.owner, this.timeoutMs).catch(this.onLateError);
    throw canceled(`plugin ${this.owner}`);
  }

  /** Disposes in reverse order, one after the other. Each failure is in the answer; none stops the rest. */
  async release(): Promise<readonly unknown[]> {
    this.#released = true;
    const errors: unknown[] = [];
    for (let resource = this.#resources.pop(); resource !== undefined; resource = this.#resources.pop()) {
      try {
        await disposeWithin(resource, this.owner, this.timeoutMs);
      } catch (error) {
        errors.push(error);
      }
    }
    return errors;
  }
}

function isDisposable(value: unknown): boolean {
  return value instanceof Object && (Symbol.asyncDispose in value || Symbol.dispose in value);
}

async function disposeWithin(resource: Disposable | AsyncDisposable, owner: string, ms: number): Promise<void> {
  const timedOut = Promise.withResolvers<never>();
  using _clock = new Clock(ms, () =>
    timedOut.reject(
      new SlipwayError({
        kind: 'unavailable',
        code: 'PLUGIN_RELEASE_TIMED_OUT',
        message: `release of a resource of plugin ${owner} has not ended within ${ms / 1000} s`,
        hint: 'the plugin hangs: report this to its author',
      }),
    ),
  );
  const disposal = Symbol.asyncDispose in resource ? resource[Symbol.asyncDispose]() : resource[Symbol.dispose]();
  await Promise.race([disposal, timedOut.promise]);
}
