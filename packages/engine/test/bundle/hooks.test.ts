import type { RuntimeHooks } from '@slipway/plugin-api';
import { describe, expect, test } from 'vitest';
import { annotationsOf, checkLabels } from '../../dist/bundle/annotations.js';
import { checkHooks } from '../../dist/bundle/hooks.js';
import { errorOf } from './tree.js';

const ls = '/bin/ls';

describe('checkHooks', () => {
  test('arguments and environment are written out, so that no hook gets ours', () => {
    expect(
      checkHooks({ createRuntime: [{ path: ls }], poststop: [{ path: ls, args: ['x', 'y'], env: ['A=1'], timeout: 5 }] }),
    ).toEqual({
      createRuntime: [{ path: ls, args: [ls], env: [] }],
      poststop: [{ path: ls, args: ['x', 'y'], env: ['A=1'], timeout: 5 }],
    });
    expect(checkHooks({})).toEqual({});
  });

  test('the one that the container runs is a file of the container', () => {
    expect(checkHooks({ startContainer: [{ path: '/only/in/there' }] }).startContainer).toHaveLength(1);
  });

  test.each([
    [{ createRuntime: [{ path: 'bin/true' }] }, 'HOOK_INVALID'],
    [{ createRuntime: [{ path: '/bin/../bin/true' }] }, 'HOOK_INVALID'],
    [{ createRuntime: [{ path: '/no/such/file' }] }, 'HOOK_INVALID'],
    [{ createRuntime: [{ path: '/etc/passwd' }] }, 'HOOK_INVALID'],
    [{ createRuntime: [{ path: '/etc' }] }, 'HOOK_INVALID'],
    [{ createRuntime: [{ path: '/bin/l\0s' }] }, 'NUL_IN_TEXT'],
    [{ createRuntime: [{ path: ls, args: ['a\0'] }] }, 'NUL_IN_TEXT'],
    [{ createRuntime: [{ path: ls, env: ['=x'] }] }, 'HOOK_INVALID'],
    [{ createRuntime: [{ path: ls, env: ['A'] }] }, 'HOOK_INVALID'],
    [{ createRuntime: [{ path: ls, timeout: 0 }] }, 'HOOK_INVALID'],
    [{ createRuntime: [{ path: ls, timeout: 1.5 }] }, 'HOOK_INVALID'],
    [{ createRuntime: [{ path: ls, tiemout: 1 }] }, 'HOOK_INVALID'],
    [{ createRuntime: { path: ls } }, 'HOOK_INVALID'],
    [{ createRuntime: Array.from({ length: 65 }, () => ({ path: ls })) }, 'HOOK_INVALID'],
    [{ prestart: [{ path: ls }] }, 'HOOK_INVALID'],
    [null, 'HOOK_INVALID'],
    ['x', 'HOOK_INVALID'],
  ])('%j is refused', (hooks, code) => {
    expect(errorOf(() => checkHooks(hooks as RuntimeHooks))).toMatchObject({ kind: 'invalid-argument', code });
  });
});

describe('annotations and labels', () => {
  test('annotations are the user’s, and the name', () => {
    expect(annotationsOf({ annotations: { 'com.example.a': 'x y', empty: '' } }, 'web')).toEqual({
      'com.example.a': 'x y',
      empty: '',
      'slipway.name': 'web',
    });
  });

  test('__proto__ and constructor are plain keys', () => {
    const annotations = JSON.parse('{"__proto__":"a","constructor":"b"}') as Record<string, string>;
    expect(JSON.stringify(annotationsOf({ annotations }, 'web'))).toBe(
      '{"__proto__":"a","constructor":"b","slipway.name":"web"}',
    );
  });

  test.each([
    { '': 'x' },
    { 'a b': 'x' },
    { 'a\n': 'x' },
    { 'a\u001b[31m': 'x' },
    { 'slipway.name': 'x' },
    { 'slipway.anything': 'x' },
    { a: 1 as unknown as string },
    { a: 'x\0' },
    { a: 'x'.repeat(5000) },
    Object.fromEntries(Array.from({ length: 1025 }, (_, index) => [`k${index}`, ''])),
  ])('%# is refused', (entries) => {
    expect(errorOf(() => annotationsOf({ annotations: entries }, 'web')).code).toBe('ANNOTATION_INVALID');
    expect(errorOf(() => checkLabels({ labels: entries })).code).toBe('LABEL_INVALID');
  });
});
