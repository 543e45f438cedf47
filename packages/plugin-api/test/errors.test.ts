import { canceled, errorKinds, hasCode, isKind, isSlipwayError, redact, SlipwayError, wrapError } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';

describe('SlipwayError', () => {
  it('knows errors of another copy of the package by their shape', () => {
    const foreign = Object.assign(new Error('x'), { kind: 'not-found', code: 'X' });
    expect(isSlipwayError(foreign)).toBe(true);
    expect(isKind(foreign, 'not-found', 'internal')).toBe(true);
    expect(isSlipwayError(Object.assign(new Error('x'), { kind: 'other', code: 'X' }))).toBe(false);
    expect(isSlipwayError({ kind: 'not-found', code: 'X' })).toBe(false);
  });

  it('gives plain data for --json, the cause as text', () => {
    const error = new SlipwayError({
      kind: 'internal',
      code: 'X',
      message: 'm',
      hint: 'h',
      cause: new Error('deep'),
      details: { a: 1 },
    });
    expect(error.toJSON()).toEqual({ kind: 'internal', code: 'X', message: 'm', hint: 'h', cause: 'deep', details: { a: 1 } });
  });

  it('has the thirteen kinds of gRPC that mean a failure', () => {
    expect(new Set(errorKinds).size).toBe(13);
  });
});

describe('wrapError', () => {
  it.each([
    ['ENOSPC', 'resource-exhausted'],
    ['EACCES', 'permission-denied'],
    ['ENOENT', 'not-found'],
    ['EIO', 'data-loss'],
  ])('maps %s to %s', (code, kind) => {
    const wrapped = wrapError('write "x"', Object.assign(new Error(`${code}: bad`), { code }));
    expect(wrapped).toMatchObject({ kind, code: `SYSTEM_${code}`, message: `write "x": ${code}: bad` });
  });

  it.each(['ENOENT', 'ENOTDIR', 'EISDIR'])('says what to look at after %s: a path that was mistyped', (code) => {
    const wrapped = wrapError('import "x"', Object.assign(new Error(`${code}: bad`), { code }));
    expect(wrapped.code).toBe(`SYSTEM_${code}`);
    expect(wrapped.hint).toContain('check the path');
  });

  it.each(['constructor', '__proto__', 'toString', 'EWHATEVER'])(
    'an unknown errno %s is internal, never an inherited property',
    (code) => {
      expect(wrapError('do', Object.assign(new Error('x'), { code }))).toMatchObject({
        kind: 'internal',
        code: 'INTERNAL',
        hint: undefined,
      });
    },
  );

  it('lets errors of the model through and makes aborts canceled', () => {
    const error = canceled('pull');
    expect(wrapError('do', error)).toBe(error);
    expect(wrapError('do', AbortSignal.abort().reason)).toMatchObject({ kind: 'internal' });
    expect(wrapError('do', Object.assign(new Error('aborted'), { code: 'ABORT_ERR' }))).toMatchObject({ kind: 'canceled' });
    expect(wrapError('do', 'a string')).toMatchObject({ message: 'do: a string' });
  });
});

describe('hasCode', () => {
  it('knows codes of the model and of the system, and nothing else', () => {
    const error = new SlipwayError({ kind: 'not-found', code: 'CONTENT_NOT_FOUND', message: 'm' });
    expect(hasCode(error, 'CONTENT_ALREADY_EXISTS', 'CONTENT_NOT_FOUND')).toBe(true);
    expect(hasCode(Object.assign(new Error('m'), { code: 'ENOENT' }), 'ENOENT')).toBe(true);
    expect(hasCode(Object.assign(new Error('m'), { code: 28 }), '28')).toBe(false);
    expect(hasCode({ code: 'ENOENT' }, 'ENOENT')).toBe(false);
    expect(hasCode(new Error('ENOENT'), 'ENOENT')).toBe(false);
    expect(hasCode(error)).toBe(false);
  });
});

describe('redact', () => {
  it.each([
    ['GET https://user:secret@host/x', 'GET https://***@host/x'],
    ['https://host/blob?X-Signature=abc&y=z failed', 'https://host/blob?*** failed'],
    ['Authorization: Bearer eyJhbGciOiJ.abc', 'Authorization: Bearer ***'],
    ['Authorization: Basic dXNlcjpwYXNz', 'Authorization: Basic ***'],
    ['basic facts', 'basic facts'],
  ])('%s', (text, expected) => {
    expect(redact(text)).toBe(expected);
  });
});
