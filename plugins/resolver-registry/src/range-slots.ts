import type { RegistryConfig } from './config.js';

/**
 * How many connections one registry is asked for pieces of layers with at once, over all layers that are on their way. A slot is held from
 * the request for a piece until its last byte is read, so that slots bound memory as well.
 */
export class RangeSlots {
  readonly perLayer: number;
  private free: number;
  private isTrusted = true;

  constructor(config: RegistryConfig) {
    this.perLayer = config.connections_per_layer;
    this.free = config.connections_per_registry;
  }

  /** False where ranges were refused or answered wrongly once: then each layer comes in one piece. */
  get works(): boolean {
    return this.isTrusted && this.perLayer > 1;
  }

  distrust(): void {
    this.isTrusted = false;
  }

  /** A slot, when one is free. Disposing gives it back. */
  tryTake(): Disposable | undefined {
    if (this.free === 0) return undefined;
    this.free -= 1;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.free += 1;
        isHeld = false;
      },
    };
  }
}
