import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Policy, PolicyRequest } from '@slipway/plugin-api';
import { openPlugin } from '@slipway/plugin-testkit';
import { plugin } from '@slipway/policy-rules';

export interface RulesPlace extends Disposable {
  readonly folder: string;
  /** Where the plugin keeps signatures. */
  readonly kept: string;
  open(config: Readonly<Record<string, unknown>>): Promise<Policy>;
}

/** A folder for keys and for what the plugin keeps. */
export function rulesPlace(): RulesPlace {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-rules-'));
  const dirs = { root: join(folder, 'root'), state: join(folder, 'state') };
  return {
    folder,
    kept: join(dirs.root, 'signatures'),
    open: async (config) => (await openPlugin(plugin, { dirs, config })).instance,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** `allowed`, or the code and message of the refusal. */
export async function outcomeOf(policy: Policy, request: Omit<PolicyRequest, 'operation'>): Promise<string> {
  return policy.check({ operation: 'pull', ...request }).then(
    () => 'allowed',
    (error: unknown) => `${(error as { code?: string }).code}: ${(error as Error).message}`,
  );
}
