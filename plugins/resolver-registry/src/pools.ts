import type { Dispatcher, Pool } from 'undici';

/** An image may lead to many places; who was not asked for longest goes, after what is under way there. */
const maxOrigins = 64;

/**
 * The connections to each origin. Not undici's Agent: that closes a pool when one connection of it or of its predecessor ends, which a HEAD
 * does each time, and connections that a layer is fetched over were then made anew for each piece.
 */
export class Pools {
  private readonly pools = new Map<string, Pool>();

  constructor(private readonly open: (origin: string) => Pool) {}

  of(origin: string): Dispatcher {
    const pool = this.pools.get(origin) ?? this.open(origin);
    this.pools.delete(origin);
    this.pools.set(origin, pool);
    const [oldest] = this.pools;
    if (this.pools.size > maxOrigins && oldest !== undefined) {
      this.pools.delete(oldest[0]);
      oldest[1].close().catch(() => undefined);
    }
    return pool;
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.destroy()));
  }
}
