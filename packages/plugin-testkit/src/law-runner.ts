/** What a law suite needs of a test runner: `describe` and `it` of vitest or node:test fit. */
export interface LawRunner {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
}
