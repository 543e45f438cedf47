import type { Runtime } from '@slipway/plugin-api';
import type { OpenRuntime } from '@slipway/plugin-testkit';
import { openSubject } from './sound-runtime.ts';

/** A sound runtime with one thing broken. */
export function broken(change: (sound: Runtime) => Partial<Runtime>, open: OpenRuntime = openSubject): OpenRuntime {
  return async (root) => {
    const subject = await open(root);
    return { ...subject, instance: changed(subject.instance, change) };
  };
}

/** What has these members in place of its own. */
export function changed<T extends object>(sound: T, change: (sound: T) => Partial<T>): T {
  // The sound methods are called on the sound object, whose fields are private.
  const bound = new Proxy(sound, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const changes = change(bound);
  return new Proxy(bound, { get: (target, name) => Reflect.get(Object.hasOwn(changes, name) ? changes : target, name) });
}
