import type { Logger } from '@slipway/plugin-api';
import type { CniConfig } from '../config.js';
import type { NetworkBook } from '../networks/network-book.js';
import type { Services } from '../services.js';
import type { AttachmentRecords } from './attachment-record.js';

/** What attaching and detaching work on. */
export interface AttachPlace {
  readonly config: CniConfig;
  readonly log: Logger;
  readonly book: NetworkBook;
  readonly records: AttachmentRecords;
  readonly services: () => Promise<Services>;
}
