/**
 * Which plugin (by id) is wired for each point: what a container is made with, and what it records.
 *
 * @stable
 * @since 0.1
 */
export interface Stack {
  readonly resolver: string;
  readonly snapshotter: string;
  readonly runtime: string;
  /** Absent: the one whose `writes` has the snapshotter's `layerTarget`. */
  readonly differ?: string;
}
