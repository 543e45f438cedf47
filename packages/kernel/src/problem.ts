import { type ErrorKind, isSlipwayError, SlipwayError } from '@slipway/plugin-api';

/**
 * One thing that is wrong with configuration, packages or wiring. Plain data: problems are collected and reported
 * together, because whoever mends a config file wants the whole list.
 */
export interface Problem {
  readonly kind: ErrorKind;
  /** Stable, upper snake case: `CONFIG_UNKNOWN_KEY`. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** One problem becomes an error of its own kind and code; several become a list under `what`, with all of them in `details.problems`. */
export function problemsError(what: string, problems: readonly Problem[], cause?: unknown): SlipwayError {
  const [first] = problems;
  if (first !== undefined && problems.length === 1) return new SlipwayError({ ...first, cause, details: { problems } });
  const lines = problems.map(({ message, hint }) => `\n  - ${message}${hint === undefined ? '' : `\n      ${hint}`}`);
  const kinds = new Set(problems.map(({ kind }) => kind));
  return new SlipwayError({
    kind: first !== undefined && kinds.size === 1 ? first.kind : 'failed-precondition',
    code: 'PROBLEMS_FOUND',
    message: `${what}: ${problems.length} problems${lines.join('')}`,
    cause,
    details: { problems },
  });
}

export function throwProblems(what: string, problems: readonly Problem[]): void {
  if (problems.length > 0) throw problemsError(what, problems);
}

/** The problems that an error of {@link problemsError} carries; any other error as one problem. */
export function problemsOf(error: unknown): readonly Problem[] {
  if (!isSlipwayError(error)) {
    return [{ kind: 'internal', code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) }];
  }
  const { problems } = error.details;
  if (Array.isArray(problems)) return problems as Problem[];
  return [{ kind: error.kind, code: error.code, message: error.message, hint: error.hint }];
}
