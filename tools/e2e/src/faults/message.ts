import type { CommandReport, CommandRequest } from '../request.ts';
import type { Fault, FaultKind, Site } from './fault.ts';

/** What the program `subject.ts` is asked to do: one thing after the other, each with an engine of its own. */
export interface SubjectRequest {
  readonly work: readonly CommandRequest[];
  /** Write down the sites that the work passes. */
  readonly record?: boolean | undefined;
  readonly fault?: Fault | undefined;
  /** Of the process that has `data-file.c` loaded. */
  readonly dataFileFault?: DataFileFault | undefined;
}

export interface SubjectReply {
  /** Of each work; the last one is the first that failed. */
  readonly reports: readonly CommandReport[];
  /** When it was asked to record. */
  readonly sites: readonly Site[];
  /** The fault has happened. */
  readonly hit: boolean;
  /** Calls on the data file of the metadata; 0 without `data-file.c`. */
  readonly dataFileCalls: number;
  /** Open in the process when the work was done and nothing of it is needed any more; those apart that a thread has that waits for work. */
  readonly descriptors: number;
}

/** A call on the data file of the metadata, from 1, and how it fails. */
export interface DataFileFault {
  readonly nth: number;
  readonly kind: Exclude<FaultKind, 'EMFILE'>;
}
