import { describe, expect, test } from 'vitest';
import { buildArgs } from '../../dist/bundle/args.js';
import { buildEnv } from '../../dist/bundle/env.js';
import { imageDefaults } from '../../dist/bundle/image-defaults.js';
import { image } from './hosts.js';
import { errorOf } from './tree.js';

const args = (config: unknown, options: { args?: string[]; entrypoint?: string[] } = {}) =>
  buildArgs(imageDefaults(image(config)), options);

describe('buildArgs', () => {
  const config = { Entrypoint: ['/entry'], Cmd: ['cmd', 'x'] };
  test.each([
    [config, {}, ['/entry', 'cmd', 'x']],
    [config, { args: ['a'] }, ['/entry', 'a']],
    [config, { args: [] }, ['/entry', 'cmd', 'x']],
    [config, { entrypoint: ['sh', '-c'] }, ['sh', '-c']],
    [config, { entrypoint: ['sh', '-c'], args: ['true'] }, ['sh', '-c', 'true']],
    [config, { entrypoint: [], args: ['true'] }, ['true']],
    [{ Cmd: ['sh'] }, {}, ['sh']],
    [{ Entrypoint: null, Cmd: ['sh'] }, {}, ['sh']],
    [{ Entrypoint: [], Cmd: ['sh'] }, { args: ['ls', ''] }, ['ls', '']],
    [{ Entrypoint: ['/entry'], Cmd: null }, {}, ['/entry']],
    [{ Entrypoint: 'entry point', Cmd: 'arg' }, {}, ['entry point', 'arg']],
    [undefined, { args: ['ls'] }, ['ls']],
    [null, { args: ['--flag'] }, ['--flag']],
  ])('%j with %j', (config, options, expected) => {
    expect(args(config, options)).toEqual(expected);
  });

  test.each([[undefined], [{}], [{ Entrypoint: null, Cmd: null }], [{ Entrypoint: [], Cmd: [] }]])(
    'no command in %j',
    (config) => {
      expect(errorOf(() => args(config))).toMatchObject({ kind: 'invalid-argument', code: 'IMAGE_HAS_NO_COMMAND' });
    },
  );

  test('a given entrypoint drops the image command, also when nothing is left', () => {
    expect(errorOf(() => args(config, { entrypoint: [] })).code).toBe('IMAGE_HAS_NO_COMMAND');
  });

  test('what an image wrote in the wrong place is not printed', () => {
    const { message } = errorOf(() => imageDefaults(image({ Env: 'TOKEN=secret\u001b[31m' })));
    expect(message).toBe("The image's config.Env is of type string, expected Array");
  });

  test('what execve cannot carry is refused', () => {
    expect(errorOf(() => args({ Cmd: ['a\0b'] })).code).toBe('NUL_IN_TEXT');
    expect(errorOf(() => args({}, { args: ['x'.repeat(131_072)] })).code).toBe('TEXT_TOO_LONG');
    expect(args({}, { args: ['x'.repeat(131_071)] })).toHaveLength(1);
  });

  test.each([
    [{ Cmd: [1] }, 'config.Cmd'],
    [{ Entrypoint: {} }, 'config.Entrypoint'],
    [{ Env: 'A=b' }, 'config.Env'],
    [{ Env: [null] }, 'config.Env.0'],
    [{ User: 0 }, 'config.User'],
    [{ WorkingDir: ['/'] }, 'config.WorkingDir'],
    ['text', 'config'],
  ])('%j is refused by the name of its field', (config, field) => {
    expect(errorOf(() => imageDefaults(image(config)))).toMatchObject({
      code: 'IMAGE_CONFIG_INVALID',
      message: expect.stringContaining(`image's ${field}`),
    });
  });
});

describe('buildEnv', () => {
  const build = (image: string[], options: string[] = [], terminal = false) =>
    buildEnv({ hostname: 'box', home: '/home/app', terminal, image, options });
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

  test.each([
    [[], [], [path, 'HOSTNAME=box', 'HOME=/home/app']],
    [['PATH=/x', 'A=1'], [], ['PATH=/x', 'HOSTNAME=box', 'A=1', 'HOME=/home/app']],
    [['A=1', 'A=2'], [], [path, 'HOSTNAME=box', 'A=2', 'HOME=/home/app']],
    [['A=1'], ['A=2', 'B=', 'A=3'], [path, 'HOSTNAME=box', 'A=3', 'B=', 'HOME=/home/app']],
    [['HOME=/image'], [], [path, 'HOSTNAME=box', 'HOME=/image']],
    [['HOME='], [], [path, 'HOSTNAME=box', 'HOME=/home/app']],
    [['HOSTNAME'], [], [path, 'HOME=/home/app']],
    [['A=x=y z\n"$HOME"'], [], [path, 'HOSTNAME=box', 'A=x=y z\n"$HOME"', 'HOME=/home/app']],
    [['__proto__=1', 'constructor=2'], [], [path, 'HOSTNAME=box', '__proto__=1', 'constructor=2', 'HOME=/home/app']],
  ])('%j and %j', (image, options, expected) => {
    expect(build(image, options)).toEqual(expected);
  });

  test('TERM comes with a terminal', () => {
    expect(build([], [], true)).toContain('TERM=xterm');
    expect(build(['TERM=vt100'], [], true)).toContain('TERM=vt100');
    expect(build([]).some((entry) => entry.startsWith('TERM='))).toBe(false);
  });

  test.each([
    [[], ['NAME'], 'ENV_INVALID'],
    [[], ['=my value'], 'ENV_INVALID'],
    [[], [''], 'ENV_INVALID'],
    [['=my value'], [], 'ENV_INVALID'],
    [[''], [], 'ENV_INVALID'],
    [['A=my value\0'], [], 'NUL_IN_TEXT'],
    [[], ['A\0=b'], 'NUL_IN_TEXT'],
    [[`A=${'é'.repeat(70_000)}`], [], 'TEXT_TOO_LONG'],
  ])('%.60j and %j are refused', (image, options, code) => {
    const error = errorOf(() => build(image, options));
    expect(error).toMatchObject({ kind: 'invalid-argument', code });
    expect(error.message).not.toContain('my value');
  });
});
