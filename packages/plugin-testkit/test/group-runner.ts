import type { LawRunner } from '@slipway/plugin-testkit';

/** Collects laws by the innermost group that they are in, so that a test can see which of a group fail. */
export class GroupRunner implements LawRunner {
  readonly #laws: { readonly group: string; readonly name: string; readonly body: () => Promise<void> }[] = [];
  #group = '';

  describe(name: string, body: () => void): void {
    const outer = this.#group;
    this.#group = name;
    body();
    this.#group = outer;
  }

  it(name: string, body: () => Promise<void>): void {
    this.#laws.push({ group: this.#group, name, body });
  }

  /** Names of the laws of these groups that fail. */
  async failing(groups: readonly string[]): Promise<string[]> {
    const failed: string[] = [];
    for (const group of groups) {
      if (!this.#laws.some((law) => law.group === group)) throw new Error(`there is no group "${group}"`);
    }
    for (const { group, name, body } of this.#laws) {
      if (groups.includes(group)) await body().catch(() => failed.push(name));
    }
    return failed;
  }

  /** What the law of that name fails with. Undefined when it passes. */
  async outcomeOf(name: string): Promise<unknown> {
    const law = this.#laws.find((each) => each.name === name);
    if (law === undefined) throw new Error(`there is no law "${name}"`);
    try {
      await law.body();
      return undefined;
    } catch (error) {
      return error;
    }
  }
}
