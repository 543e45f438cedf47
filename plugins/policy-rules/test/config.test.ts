import { describe, expect, it } from 'vitest';
import { rulesConfig } from '../dist/config.js';

const issuesOf = (config: unknown): string[] => {
  const checked = rulesConfig['~standard'].validate(config);
  if (checked instanceof Promise) throw new Error('it is checked at once');
  return (checked.issues ?? []).map(({ message, path }) =>
    [...(path ?? []).map((step) => (typeof step === 'object' ? String(step.key) : String(step))), message].join(' '),
  );
};
const rule = (fields: Readonly<Record<string, unknown>>): string[] => issuesOf({ rules: [fields] });
const match = 'docker.io/library/*';

describe('the configuration', () => {
  it('denies all that no rule is for, unless it says otherwise', () => {
    const checked = rulesConfig['~standard'].validate({});
    expect(checked).toMatchObject({ value: { default: 'deny', rules: [] } });
  });

  it('takes rules of every kind', () => {
    expect(
      issuesOf({
        default: 'allow',
        rules: [
          { match, action: 'allow' },
          { digests: [`sha256:${'0'.repeat(64)}`], action: 'deny' },
          { match, action: 'signed', keys: ['/etc/key.pub'], identity: 'origin.example.com/library/*' },
        ],
      }),
    ).toEqual([]);
  });

  it('refuses rules that would not say what somebody meant', () => {
    expect(rule({ action: 'allow' })).toEqual(['rules 0 must have match, or digests, or both']);
    expect(rule({ match: 'alpine', action: 'deny' })[0]).toContain('rules 0 match has no "/"');
    expect(rule({ match, digests: [], action: 'deny' })[0]).toContain('must have a digest, or be left out');
    expect(rule({ digests: ['sha256:abc'], action: 'deny' })[0]).toContain('must be sha256:');
    expect(rule({ match, action: 'signed' })[0]).toContain('must have keys exactly when');
    expect(rule({ match, action: 'signed', keys: [] })[0]).toContain('must have a key');
    expect(rule({ match, action: 'signed', keys: ['key.pub'] })[0]).toContain('must be an absolute path');
    expect(rule({ match, action: 'allow', keys: ['/key.pub'] })[0]).toContain('must have keys exactly when');
    expect(rule({ match, action: 'deny', identity: match })[0]).toContain('must have identity only when');
    expect(rule({ match, action: 'permit' })).toHaveLength(1);
    expect(rule({ match, action: 'allow', acton: 'deny' })).toHaveLength(1);
    expect(issuesOf({ defualt: 'allow' })).toHaveLength(1);
  });
});
