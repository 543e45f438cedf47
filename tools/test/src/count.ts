/** What happened in a whole run, checks and tests together; failures and skips by name. */
export interface Counts {
  readonly passed: number;
  readonly failures: readonly string[];
  readonly skips: readonly string[];
}

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/**
 * Counts a run. `checks` has one line each: `passed NAME`, `failed NAME`, and last `status N`, vitest's exit status; `report` is vitest's JSON,
 * undefined when it wrote none. A test file that could not be loaded has no failed test in it, and an unhandled error belongs to no test:
 * each counts as a failure of its own, so that "0 failed" is only ever said of a run that ended well.
 */
export function count(checks: string, report: string | undefined): Counts {
  const failures: string[] = [];
  const skips: string[] = [];
  let passed = 0;
  const lines = checks.split('\n');
  for (const check of lines) {
    if (check.startsWith('passed ')) passed += 1;
    else if (check.startsWith('failed ')) failures.push(check.slice('failed '.length));
  }
  const before = failures.length;
  if (report === undefined) failures.push('vitest wrote no report');
  else {
    for (const file of (JSON.parse(report) as Report).testResults) {
      const failed = file.assertionResults.filter(({ status }) => status === 'failed');
      passed += file.assertionResults.filter(({ status }) => status === 'passed').length;
      failures.push(...failed.map(({ fullName }) => `${file.name} > ${fullName}`));
      skips.push(
        ...file.assertionResults
          .filter(({ status }) => !['passed', 'failed'].includes(status))
          .map(({ fullName }) => `${file.name} > ${fullName}`),
      );
      if (file.status === 'failed' && failed.length === 0) failures.push(file.name);
    }
  }
  if (!lines.includes('status 0') && failures.length === before) failures.push('vitest ended with an error outside of any test');
  return { passed, failures, skips };
}

export function line({ passed, failures, skips }: Counts): string {
  return `${passed} passed, ${failures.length} failed${skips.length > 0 ? `, ${skips.length} skipped` : ''}`;
}
