import { createHash } from 'node:crypto';
import { chainIds, digestOf, isDigest, parseDigest, quote } from '@slipway/oci';
import { describe, expect, it } from 'vitest';

const empty = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

describe('digests', () => {
  it('are computed and taken apart', () => {
    expect(digestOf(new Uint8Array())).toBe(empty);
    expect(parseDigest(empty)).toEqual({ algorithm: 'sha256', encoded: empty.slice(7) });
    const long = digestOf('x', 'sha512');
    expect(long).toBe(`sha512:${createHash('sha512').update('x').digest('hex')}`);
    expect(isDigest(long)).toBe(true);
  });

  it.each([
    '',
    'sha256',
    'sha256:',
    `sha256:${'a'.repeat(63)}`,
    `sha256:${'a'.repeat(65)}`,
    `sha256:${'A'.repeat(64)}`,
    `sha256:${'g'.repeat(64)}`,
    `sha512:${'a'.repeat(64)}`,
    `SHA256:${'a'.repeat(64)}`,
    `md5:${'a'.repeat(32)}`,
    `sha1:${'a'.repeat(40)}`,
    'sha256:../../x',
    `sha256:${'a'.repeat(61)}/..`,
    `sha256:${'a'.repeat(63)}\n`,
    ` sha256:${'a'.repeat(64)}`,
    `sha256:${'a'.repeat(64)}:x`,
    `__proto__:${'a'.repeat(64)}`,
    `constructor:${'a'.repeat(64)}`,
  ])('refuses %j', (text) => {
    expect(isDigest(text)).toBe(false);
    expect(() => parseDigest(text)).toThrow(expect.objectContaining({ kind: 'invalid-argument', code: 'DIGEST_INVALID' }));
  });

  it('neutralises what it quotes', () => {
    expect(() => parseDigest('\u001b]0;owned\u0007\r\n\u202e')).toThrow('\\u{1b}]0;owned\\u{7}\\u{d}\\u{a}\\u{202e}');
    expect(quote('\ud800x')).toBe('"\\u{d800}x"');
    expect(quote('x'.repeat(1000)).length).toBeLessThan(200);
  });
});

describe('chainIds', () => {
  it('follow the formula of the image-spec', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((text) => digestOf(text)) as [string, string, string];
    const ab = digestOf(`${a} ${b}`);
    expect(chainIds([])).toEqual([]);
    expect(chainIds([a, b, c])).toEqual([a, ab, digestOf(`${ab} ${c}`)]);
    expect(() => chainIds(['sha256:x'])).toThrow(expect.objectContaining({ code: 'DIGEST_INVALID' }));
  });
});
