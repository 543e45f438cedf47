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
    expect(rule({ action: 'allow' })).toEqual(['rules 0 match, or digests, or both']);
    expect(rule({ match: 'alpine', action: 'deny' })[0]).toContain('rules 0 match a full name, such as');
    expect(rule({ match, digests: [], action: 'deny' })[0]).toContain('a digest or more');
    expect(rule({ digests: ['sha256:abc'], action: 'deny' })[0]).toContain('sha256: or sha512:');
    expect(rule({ match, action: 'signed' })[0]).toContain('keys where the action is signed');
    expect(rule({ match, action: 'signed', keys: [] })[0]).toContain('a key or more');
    expect(rule({ match, action: 'signed', keys: ['key.pub'] })[0]).toContain('an absolute path');
    expect(rule({ match, action: 'allow', keys: ['/key.pub'] })[0]).toContain('keys where the action is signed');
    expect(rule({ match, action: 'deny', identity: match })[0]).toContain('identity only where');
    expect(rule({ match, action: 'permit' })).toHaveLength(1);
    expect(rule({ match, action: 'allow', acton: 'deny' })).toHaveLength(1);
    expect(issuesOf({ defualt: 'allow' })).toHaveLength(1);
  });
});
