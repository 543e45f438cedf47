import { SlipwayError } from '@slipway/plugin-api';

const oldest = 24;

/** Errors: `failed-precondition` with `NODE_TOO_OLD`. */
export function checkNodeVersion(version = process.versions.node): void {
  if (Number.parseInt(version, 10) >= oldest) return;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'NODE_TOO_OLD',
    message: `Slipway needs Node ${oldest} or newer, found ${version}`,
    hint: 'run it with a newer Node, such as the one of the npm package "node"',
  });
}
