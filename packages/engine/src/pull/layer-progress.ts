import type { Descriptor, LayerPhase, PullProgress } from '@slipway/plugin-api';

export type ProgressListener = ((event: PullProgress) => void) | undefined;

/** At most so often a layer tells of bytes, so that a fast link does not drown a listener. */
const intervalMs = 50;

export type LayerReporter = (phase: LayerPhase, current: number) => void;

/** Reports of one layer: changes of phase at once, bytes within a phase a few times a second. */
export function layerReporter(listener: ProgressListener, layer: Descriptor): LayerReporter {
  if (listener === undefined) return () => {};
  let lastPhase: LayerPhase | undefined;
  let lastTime = 0;
  return (phase, current) => {
    const now = performance.now();
    // Looked at again, after a removal took a layer above it.
    if (phase === 'exists' && lastPhase === 'unpacked') return;
    if (phase === lastPhase && now - lastTime < intervalMs && current < layer.size) return;
    lastPhase = phase;
    lastTime = now;
    listener({ type: 'layer', digest: layer.digest, phase, current, total: layer.size });
  };
}
