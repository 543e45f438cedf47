import type {
  ContentDetails,
  DiskUsage,
  Pruned,
  PruneOptions,
  RebuildReport,
  SnapshotDetails,
  SnapshotsOptions,
  System,
  SystemOptions,
  VerifyOptions,
  VerifyReport,
} from '@slipway/plugin-api';
import { recordNames } from '../operations/records.js';
import type { EngineParts } from '../settings.js';

export interface EngineSystemOptions {
  readonly parts: EngineParts;
  readonly carryOut: <T>(what: string, work: () => Promise<T>) => Promise<T>;
  /** As `carryOut`, also where the metadata is lost; then nothing is left for the clean-up before. */
  readonly carryOutOnLost: <T>(what: string, work: () => Promise<T>) => Promise<T>;
  /** As `carryOut`, without looking for what else was left. */
  readonly carryOutAlone: <T>(what: string, work: () => Promise<T>) => Promise<T>;
  readonly orClosing: (signal: AbortSignal | undefined) => AbortSignal;
}

/** {@link System} of the engine. Every method imports what it needs when it is called. */
export class EngineSystem implements System {
  readonly #options: EngineSystemOptions;

  constructor(options: EngineSystemOptions) {
    this.#options = options;
  }

  content(): Promise<readonly ContentDetails[]> {
    return this.#carryOut('list content', {}, async (parts) => (await import('./content.js')).listContent(parts));
  }

  snapshots(options: SnapshotsOptions = {}): Promise<readonly SnapshotDetails[]> {
    return this.#carryOut('list snapshots', options, async (parts, all) =>
      (await import('./snapshots.js')).listSnapshots(parts, all),
    );
  }

  diskUsage(options: SystemOptions = {}): Promise<DiskUsage> {
    return this.#carryOut('measure disk usage', options, async (parts, all) =>
      (await import('./disk-usage.js')).diskUsage(parts, all),
    );
  }

  prune(options: PruneOptions = {}): Promise<Pruned> {
    return this.#carryOut('prune', options, async (parts, all) => (await import('./prune.js')).prune(parts, all));
  }

  verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    return this.#carryOut('verify', options, async (parts, all) => (await import('../verify/verify.js')).verify(parts, all));
  }

  rebuild(options: SystemOptions = {}): Promise<RebuildReport> {
    const { parts, carryOutOnLost, orClosing } = this.#options;
    const signal = orClosing(options.signal);
    return carryOutOnLost('rebuild', async () => (await import('../rebuild/rebuild.js')).rebuild(parts, { ...options, signal }));
  }

  recover(operation: string): Promise<void> {
    const { parts, carryOutAlone } = this.#options;
    return carryOutAlone(`clean up after ${JSON.stringify(operation)}`, async () => {
      if (!recordNames(parts.settings.state).includes(operation)) return;
      await (await import('../operations/recovery.js')).recoverOperation(parts, operation);
    });
  }

  #carryOut<T, O extends SystemOptions>(
    what: string,
    options: O,
    work: (parts: EngineParts, options: O & { readonly signal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    const { parts, carryOut, orClosing } = this.#options;
    return carryOut(what, () => work(parts, { ...options, signal: orClosing(options.signal) }));
  }
}
