import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { commandTree } from '../src/commands/tree.js';
import { globalOptions } from '../src/options.js';
import { Place } from './slipway.js';

const place = new Place();
afterAll(() => place[Symbol.dispose]());

test('the help of slipway lists the commands by groups', async () => {
  const { out, err, code } = await place.run(['--help']);
  expect([code, err]).toEqual([0, '']);
  expect(out).toBe(`Usage: slipway [OPTIONS] COMMAND

Slipway runs containers: from an image by its name to a process.

Global options:
  --stack <name>   use this stack of the configuration instead of the default one
  --root <dir>     folder for what survives a reboot (/var/lib/slipway)
  --state <dir>    folder for what does not (/run/slipway)
  --config <file>  read this config file and no other
  --json           print results and errors as JSON
  -q, --quiet      no progress; results as bare names
  --debug          show the log, and the causes and stacks of errors
  -h, --help       show this help

Containers:
  run              run a command in a new container
  commit           make an image of what a container has changed
  export           write a container's files as a tar file
  diff             list the files that a container or an image has changed

Images:
  pull             bring an image in from a registry
  push             send an image to a registry
  copy             copy an image from one registry to another
  tag              give an image further names
  referrers        list what refers to an image where it comes from: signatures, SBOMs
  login            try credentials at a registry and keep them
  logout           forget the credentials of a registry
  save             write images into an archive
  load             bring in the images of an archive
  import           make an image of a tar file of a root file system
  images           list, draw, mount and unmount images
  history          show how an image was made
  inspect          show manifests and configs of images, as JSON
  rmi              remove images

Store:
  prune            remove what nothing uses (also: slipway system prune)
  verify           read everything again and compare it with its digests
  system           look after the store
  content          the blobs that are here
  snapshots        the file trees that are here

Set-up:
  plugins          what is wired together
  config           the configuration

About:
  doctor           say what this host can do, and what to install
  version          print versions
  completion       print a completion script
  help             show the help of a command

See slipway COMMAND --help, or slipway help COMMAND.
`);
  expect((await place.run([])).out).toBe(out);
  expect((await place.run(['help'])).out).toBe(out);
});

test('the help of run says where options end, what --rm means and every exit code', async () => {
  const { out } = await place.run(['run', '--help']);
  expect(out).toMatch(/^Usage: slipway run \[options\] <ref> \[command\] \[arg\.\.\.\]\n\nRun a command in a new container\.\n/);
  for (const text of [
    "Options end at the image's name",
    '--rm                            remove it when it exits: always done in this version',
    '-h, --hostname <name>',
    '125 when Slipway failed, 126 when the command cannot be executed, 127',
    '\nExamples:\n  slipway run --rm alpine echo hello ',
  ])
    expect(out).toContain(text);
  expect(out.split('\n').filter((line) => line.length > 100)).toEqual([]);
});

test.each(commandTree.map(({ name }) => name))('%s has a help with examples, the same both ways', async (name) => {
  const words = name.split(' ');
  const [direct, asked] = [await place.run([...words, '--help']), await place.run(['help', ...words])];
  expect(direct.out).toContain('\nExamples:\n  ');
  expect(direct.out).toBe(asked.out);
  expect([direct.code, asked.code, direct.err, asked.err]).toEqual([0, 0, '', '']);
});

test.each([
  [['imges'], 'unknown command "imges"', 'did you mean images?; see slipway --help'],
  [['snapshots', 'lss'], 'unknown command "lss"', 'see slipway snapshots --help'],
  [['help', 'nothing'], 'unknown command "nothing"', 'see slipway --help'],
  [['pull'], 'missing required argument "ref"', 'see slipway pull --help'],
  [['pull', 'a', 'b'], 'too many arguments for "pull". Expected 1 argument but got 2: a, b.', 'see slipway pull --help'],
  [['--jsn', 'version'], 'unknown option "--jsn"', 'did you mean --json?; see slipway --help'],
])('wrong use %j is named, with a way on, and exit code 2', async (args, message, hint) => {
  const { code, out, err } = await place.run(args);
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(/^slipway: .*\nhint: .*\n$/);
  expect(err).toContain(message.slice(0, 40));
  expect(err).toContain(hint);
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
  for (const { name, options } of commandTree) {
    expect(page).toContain(name.endsWith(' ls') ? `slipway ${name.split(' ')[0]} [ls]` : `slipway ${name}`);
    for (const { flags } of [...options, ...globalOptions]) expect(page).toContain(flags);
  }
});
