/** One finding of `slipway doctor`. Plain data. */
export interface Check {
  readonly name: string;
  /** `fail`: containers cannot run. `warn`: something is slower, weaker or could not be looked at. */
  readonly status: 'ok' | 'warn' | 'fail';
  readonly found: string;
  /** What to do about it. */
  readonly advice?: string | undefined;
}

export const ok = (name: string, found: string): Check => ({ name, status: 'ok', found });
export const warn = (name: string, found: string, advice: string): Check => ({ name, status: 'warn', found, advice });
export const fail = (name: string, found: string, advice: string): Check => ({ name, status: 'fail', found, advice });

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
