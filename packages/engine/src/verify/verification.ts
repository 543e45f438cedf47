import type { VerifyOptions } from '@slipway/plugin-api';
import type { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import type { VerifyThread } from '../verify-thread.js';
import type { BlobFindings } from './findings.js';

/** What all parts of one verification work with. */
export interface Verification {
  readonly parts: EngineParts;
  readonly options: VerifyOptions;
  readonly thread: VerifyThread;
  /** Holds the lease, the ingests and the snapshots of this verification. */
  readonly operation: Operation;
  readonly findings: BlobFindings;
}
