/** What the work of a job has beside what it was told. */
export interface JobContext {
  /** Throws when the job is to stop. */
  readonly checkpoint: () => void;
  /** Told the compressed bytes read so far. */
  readonly onProgress: (bytes: number) => void;
  readonly onWarning: (message: string) => void;
}
