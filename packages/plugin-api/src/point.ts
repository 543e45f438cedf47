/**
 * A point is a typed contract that plugins provide and others need: `snapshotter.v1`. The kernel and plugin authors
 * share points and nothing else. Points are compared by their id string, so two copies of this package agree.
 *
 * The version is the contract's: a breaking change is a new point (`snapshotter.v2`) beside the old one. Within a
 * version only optional methods are added, each behind a capability, because a new required method breaks everyone
 * who implements the interface.
 *
 * @stable
 * @since 0.1
 */
export interface Point<T> {
  readonly id: string;
  /** Never set: carries the type of the contract. */
  readonly contract?: T;
}

const pointId = /^[a-z][a-z0-9-]*\.v[1-9][0-9]*$/;

/** Defines a point: `definePoint<Snapshotter>('snapshotter.v1')`. */
export function definePoint<T>(id: string): Point<T> {
  if (!pointId.test(id)) throw new TypeError(`point id "${id}" must look like name.v1`);
  return { id };
}
