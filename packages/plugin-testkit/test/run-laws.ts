import type { LawRunner } from '@slipway/plugin-testkit';

/** Runs a suite outside a test runner, and says which laws held. */
export async function runLaws(
  suite: (runner: LawRunner) => void,
): Promise<{ readonly passed: string[]; readonly failed: string[] }> {
  const laws: { name: string; body: () => Promise<void> }[] = [];
  suite({ describe: (_, body) => body(), it: (name, body) => void laws.push({ name, body }) });
  const passed: string[] = [];
  const failed: string[] = [];
  for (const { name, body } of laws) {
    await body().then(
      () => passed.push(name),
      () => failed.push(name),
    );
  }
  return { passed, failed };
}
