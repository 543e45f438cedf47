import { imageLayout, type Registry, startRegistry } from '@slipway/fixtures';
import { Place } from './slipway.js';

/** A registry with a small image, and a place that has pulled it. */
export interface Host extends AsyncDisposable {
  readonly registry: Registry;
  readonly place: Place;
  /** Name of busybox. */
  readonly image: string;
}

export async function startHost(): Promise<Host> {
  imageLayout('small');
  const registry = await startRegistry({ images: ['small', 'demo'] });
  const place = new Place();
  const image = `${registry.address}/test/small`;
  const { code, err } = await place.run(['pull', '-q', image]);
  if (code !== 0) throw new Error(`pull failed: ${err}`);
  return {
    registry,
    place,
    image,
    [Symbol.asyncDispose]: async () => {
      await registry[Symbol.asyncDispose]();
      place[Symbol.dispose]();
    },
  };
}
