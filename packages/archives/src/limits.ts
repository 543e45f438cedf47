/** Bounds on what an archive may claim. Far above what real ones have, far below what a machine can bear. */
export interface ArchiveLimits {
  /** Members of a tar file, counting the headers that only extend others. */
  readonly entries: number;
  /** Bytes of one PAX header or GNU long name. */
  readonly headerBytes: number;
  /** Bytes of the names of all members, and of what links lead to: they are kept in memory. */
  readonly nameBytes: number;
  /** Bytes that a compressed archive or a stream may unpack to on disk. */
  readonly spooledBytes: number;
}

export const archiveLimits: ArchiveLimits = {
  entries: 65_536,
  headerBytes: 1 << 16,
  nameBytes: 1 << 24,
  spooledBytes: 256 * 2 ** 30,
};
