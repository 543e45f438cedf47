import type { AttachmentEntry, AttachmentRecord, ClaimedRecord } from './attachment-record.js';

/** A claimed record that is written down at each change. */
export class Joining {
  record: AttachmentRecord;
  readonly claimed: ClaimedRecord;

  constructor(claimed: ClaimedRecord, record: AttachmentRecord) {
    this.claimed = claimed;
    this.record = record;
  }

  add(entry: AttachmentEntry): void {
    this.#write({ ...this.record, entries: [...this.record.entries, entry] });
  }

  update(change: (entry: AttachmentEntry) => AttachmentEntry, networks: readonly string[]): void {
    const entries = this.record.entries.map((entry) => (networks.includes(entry.network) ? change(entry) : entry));
    this.#write({ ...this.record, entries });
  }

  #write(record: AttachmentRecord): void {
    this.record = record;
    this.claimed.write(record);
  }
}
