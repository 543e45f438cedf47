import type { Pusher } from '@slipway/plugin-api';

/** Loads what pushes when something is pushed: a pull has no use for it. */
export function lazyPusher(load: () => Promise<Pusher>): Pusher {
  let loading: Promise<Pusher> | undefined;
  let closed = false;
  const pusher = (): Promise<Pusher> => {
    loading ??= load();
    return loading;
  };
  return {
    push: async (descriptor, source, options) => (await pusher()).push(descriptor, source, options),
    complete: async (target, options) => (await pusher()).complete(target, options),
    async [Symbol.asyncDispose]() {
      if (closed) return;
      closed = true;
      await (await loading?.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  };
}
