import type { LawRunner } from '@slipway/plugin-testkit';

/** Collects laws instead of running them, so that a test can see one fail. */
export class CollectingRunner implements LawRunner {
  readonly laws = new Map<string, () => Promise<void>>();

  describe(_name: string, body: () => void): void {
    body();
  }

  it(name: string, body: () => Promise<void>): void {
    this.laws.set(name, body);
  }

  /** Names of the laws that fail, of those whose name begins with `prefix`. */
  async failing(prefix: string): Promise<string[]> {
    const failed: string[] = [];
    for (const [name, body] of this.laws) {
      if (!name.startsWith(prefix)) continue;
      await body().catch(() => failed.push(name));
    }
    return failed;
  }

  /** What the only law whose name contains `part` fails with. Undefined when it passes. */
  async outcomeOf(part: string): Promise<unknown> {
    const found = [...this.laws].filter(([name]) => name.includes(part));
    const [law] = found;
    if (law === undefined || found.length > 1) throw new Error(`${found.length} laws contain "${part}"`);
    try {
      await law[1]();
      return undefined;
    } catch (error) {
      return error;
    }
  }
}
