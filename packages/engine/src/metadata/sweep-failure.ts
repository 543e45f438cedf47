import { isSlipwayError, type Logger, type SystemFailure, wrapError } from '@slipway/plugin-api';

/** One thing that could not be removed, to be told when the rest is gone. */
export function failureOf(log: Logger, what: string, error: unknown): SystemFailure {
  const { kind, code, message } = isSlipwayError(error) ? error : wrapError(`remove ${what}`, error);
  log.debug(`${what} could not be removed: ${message}`);
  return { what, kind, code, message };
}
