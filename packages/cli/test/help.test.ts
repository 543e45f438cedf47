import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { commandTree } from '../src/commands/tree.js';
import { globalOptions } from '../src/options.js';
import { HelpShown, makeProgram } from '../src/program.js';
import { settingsTables } from './settings-page.js';
import { Place } from './slipway.js';

const place = new Place();
afterAll(() => place[Symbol.dispose]());

test('the help of slipway lists the commands by groups', async () => {
  const { out, err, code } = await place.run(['--help']);
  expect([code, err]).toEqual([0, '']);
  expect(out).toMatch(`Usage: slipway [OPTIONS] COMMAND

Slipway runs containers: from an image by its name to a process.

Global options:
  --stack <name>   use this stack of the configuration instead of the default one
  --root <dir>     folder for what survives a reboot (/var/lib/slipway)
  --state <dir>    folder for what does not (/run/slipway)
  --config <file>  read this config file and no other
  --json           print results and errors as JSON
  -q, --quiet      no progress; results as bare names
  --debug          show the log, and the causes and stacks of errors
  --version        print the version
  -h, --help       show this help

Containers:
  run              `);
  const listed = [...out.matchAll(/^(?:(\S+:)$| {2}([a-z]\S*) +\S)/gm)].map(([, heading, word]) => heading ?? word);
  const shown = commandTree.filter(({ hidden }) => hidden !== true);
  const headings = [...new Set(shown.map(({ group }) => group))];
  const byHeading = headings.flatMap((heading) => [
    heading,
    ...new Set(shown.filter(({ group }) => group === heading).map(({ name }) => name.split(' ')[0])),
    ...(heading === 'About:' ? ['help'] : []),
  ]);
  expect(listed).toEqual(byHeading);
  expect(out).toMatch(/\nSee slipway COMMAND --help, or slipway help COMMAND\.\n$/);
  expect(out.split('\n').filter((line) => line.length > 100)).toEqual([]);
  expect((await place.run([])).out).toBe(out);
  expect((await place.run(['help'])).out).toBe(out);
});

test('the help of run says where options end, what --rm means and every exit code', async () => {
  const { out } = await place.run(['run', '--help']);
  expect(out).toMatch(/^Usage: slipway run \[options\] <ref> \[command\] \[arg\.\.\.\]\n\nRun a command in a new container\.\n/);
  for (const text of [
    "Options end at the image's name",
    '-h, --hostname <name>',
    '125 when Slipway failed, 126 when the command cannot be executed, 127',
    '\nExamples:\n  slipway run --rm alpine echo hello ',
  ])
    expect(out).toContain(text);
  expect(out).toMatch(/ --rm +remove it when/);
  expect(out.split('\n').filter((line) => line.length > 100)).toEqual([]);
});

/** In this process: there are many. */
function helpOf(args: readonly string[]): string {
  let shown = '';
  const output = {
    out: (text: string) => {
      shown += text;
    },
    err: () => undefined,
  };
  expect(() => makeProgram(output, () => undefined).parse(args, { from: 'user' })).toThrow(HelpShown);
  return shown;
}

test.each(commandTree.map(({ name }) => name))('%s has a help with examples, the same both ways', (name) => {
  const words = name.split(' ');
  const direct = helpOf([...words, '--help']);
  expect(direct).toContain('\nExamples:\n  ');
  expect(direct).toBe(helpOf(['help', ...words]));
});

test.each([
  [['imges'], 'unknown command "imges"', 'did you mean images?; see slipway --help'],
  [['snapshots', 'lss'], 'unknown command "lss"', 'see slipway snapshots --help'],
  [['help', 'nothing'], 'unknown command "nothing"', 'see slipway --help'],
  [['pull'], 'missing required argument "ref"', 'see slipway pull --help'],
  [['pull', 'a', 'b'], 'too many arguments for "pull". Expected 1 argument but got 2: a, b.', 'see slipway pull --help'],
  [['xs'], 'unknown command "xs"', 'see slipway --help'],
  [['load', 'alpine.tar'], "too many arguments for 'load'", 'an archive is named with -i FILE'],
  [['images', 'rm'], 'missing required argument "ref"', 'see slipway images rm --help'],
  [['container', 'stop'], 'missing required argument "container"', 'see slipway stop --help'],
  [['stop', '--timeout', 'soon', 'web'], '--timeout "soon" is no number of seconds', 'see slipway stop --help'],
  [['restart'], 'missing required argument "container"', 'see slipway restart --help'],
  [['restart', '--boot', 'web'], '--boot chooses the containers itself', 'see slipway restart --help'],
  [['ps', '-f', 'colour=red'], 'the filter "colour=red" is none of id=, name=', 'see slipway ps --help'],
  [['ps', '-f', 'status=dead'], 'the filter status="dead" is none of created', 'see slipway ps --help'],
  [['ps', '-n', 'x'], '--last "x" is no whole number', 'see slipway ps --help'],
  [['events', '--since', 'then'], '--since "then" is no time', 'see slipway events --help'],
  [['container', 'prune'], 'there is no terminal to ask on', 'give --force'],
  [['create', '--net', 'host', 'alpine'], 'unknown option "--net"', 'did you mean --network?; see slipway create --help'],
  [['create', '--health', 'x', 'alpine'], 'unknown option "--health"', 'see slipway create --help'],
  [['ps', '--format', '{{.Names}}'], 'unknown option "--format"', '--json prints everything'],
  [['inspect', '-f', '{{.State}}', 'web'], 'unknown option "-f"', '--json prints everything'],
  [['history', '-f', 'x', 'alpine'], 'unknown option "-f"', 'hint: see slipway history --help'],
  [['--jsn', 'version'], 'unknown option "--jsn"', 'did you mean --json?; see slipway --help'],
])('wrong use %j is named, with a way on, and exit code 2', async (args, message, hint) => {
  const { code, out, err } = await place.run(args);
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(/^slipway: .*\nhint: .*\n$/);
  expect(err).toContain(message.replaceAll("'", '"').slice(0, 40));
  expect(err).toContain(hint);
});

test('--version is one line', async () => {
  expect(await place.run(['--version'])).toMatchObject({
    code: 0,
    err: '',
    out: expect.stringMatching(/^slipway \d+\.\d+\.\d+\n$/),
  });
});

test('the commands of containers are words of container too', async () => {
  const { out } = await place.run(['container', 'stop', '--help']);
  expect(out).toMatch(/\nEnd containers: a signal/);
  expect((await place.run(['help', 'container'])).out).toMatch(/\nCommands:\n {2}ls .*\n {2}prune .*\n$/);
});

test('global options are taken before and after the command', async () => {
  for (const args of [
    ['--json', 'version'],
    ['version', '--json'],
  ]) {
    expect(Object.keys(JSON.parse((await place.run(args)).out) as object)).toEqual([
      'slipway',
      'kernel',
      'pluginApi',
      'api',
      'node',
      'linux',
    ]);
  }
  expect((await place.run(['version', '-q'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('the reference page has every command and option', () => {
  const page = readFileSync(path.join(import.meta.dirname, '../../../docs/cli.md'), 'utf8');
  const missing = commandTree.flatMap(({ name, options, isDefault }) => {
    const heading = isDefault === true ? `slipway ${name.replace(/ ls$/, ' [ls]')}` : `slipway ${name}`;
    return [heading, ...[...options, ...globalOptions].map(({ flags }) => flags)].filter((text) => !page.includes(text));
  });
  expect(missing).toEqual([]);
  expect(page).toContain(settingsTables());
});
