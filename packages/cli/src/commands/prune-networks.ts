import { type Engine, isKind } from '@slipway/plugin-api';

/** Those that no container has; none where this host or this configuration has no networks. */
export async function pruneNetworks(
  engine: Engine,
  options: { readonly dryRun: boolean; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  try {
    return (await engine.networks.prune(options)).networks;
  } catch (error) {
    if (isKind(error, 'failed-precondition') || isKind(error, 'unimplemented')) return [];
    throw error;
  }
}
