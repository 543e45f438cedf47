/** What a law suite needs of a test runner: `describe` and `it` of vitest or node:test fit; so do `afterAll` of vitest and `after` of node:test. */
export interface LawRunner {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
  /**
   * Runs after the last test of the group that it is called in. With it, laws that only use their subject, and of which there are many, share one: to open
   * some subjects (threads) takes longer than most laws. Without it each opens its own.
   */
  afterAll?: ((body: () => Promise<void>) => void) | undefined;
}
