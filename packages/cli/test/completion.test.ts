import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { commandTree } from '../src/commands/tree.js';
import { bashCompletion } from '../src/completion/bash.js';
import { fishCompletion } from '../src/completion/fish.js';
import { zshCompletion } from '../src/completion/zsh.js';
import { Place } from './slipway.js';

const place = new Place();
afterAll(() => place[Symbol.dispose]());
const script = place.file('slipway.bash');
writeFileSync(script, bashCompletion());

/** What bash offers for the line, with `slipway complete-names` answering some of what was asked for. */
function offered(line: string): string[] {
  const program = `
    source ${script}
    slipway() {
      case "$1 $2" in
        'complete-names images') printf '%s\\n' alpine:latest alpine localhost:5000/app:1 ;;
        'complete-names container-paths') printf '%s\\n' web: db: ;;
        'complete-names containers-and-images') printf '%s\\n' web alpine ;;
        'complete-names '*) printf '%s\\n' "$2-web" "$2-db" ;;
      esac
    }
    COMP_LINE=$1 COMP_POINT=\${#1}
    _slipway
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', program, 'bash', line], { encoding: 'utf8', cwd: place.folder }).split('\n').filter(Boolean);
}

test('bash offers commands, options, values, images, containers and files where they belong', () => {
  const firstWords = commandTree.filter(({ hidden }) => hidden !== true).map(({ name }) => name.split(' ')[0] ?? '');
  expect(offered('slipway ')).toEqual([...new Set([...firstWords, 'help'])]);
  expect(offered('slipway snapshots ')).toEqual(['ls', 'tree', 'usage']);
  expect(offered('slipway --root /x config ')).toEqual(['default', 'check', 'dump']);
  expect(offered('slipway --ver')).toEqual(['--version']);
  expect(offered('slipway run --pul')).toEqual(['--pull']);
  expect(offered('slipway run --pull ')).toEqual(['missing', 'always', 'never']);
  expect(offered('slipway run --pull=al')).toEqual(['always']);
  expect(offered('slipway completion ')).toEqual(['bash', 'zsh', 'fish']);
  expect(offered('slipway run -it loc')).toEqual(['localhost:5000/app:1']);
  // Readline replaces only what stands after the last colon.
  expect(offered('slipway run -e A=b localhost:50')).toEqual(['5000/app:1']);
  expect(offered('slipway rmi x alp')).toEqual(['alpine:latest', 'alpine']);
  expect(offered('slipway run alpine slip')).toEqual(['slipway.bash']);
  expect(offered('slipway run --name ')).toEqual([]);
  expect(offered('slipway import slip')).toEqual(['slipway.bash']);
});

test.each([
  ['stop', 'running'],
  ['kill -s TERM', 'running'],
  ['pause', 'running'],
  ['unpause', 'paused'],
  ['rm -f', 'containers'],
  ['wait', 'containers'],
  ['rename', 'containers'],
  ['commit', 'containers'],
  ['export', 'containers'],
])('bash offers containers to %s: %s', (command, kind) => {
  expect(offered(`slipway ${command} `)).toEqual([`${kind}-web`, `${kind}-db`]);
});

test('bug: bash offered no containers to cp, and no signals, policies and filters', () => {
  expect(offered('slipway cp ')).toEqual(['config.toml', 'slipway.bash', 'web:', 'db:']);
  expect(offered('slipway cp slipway.bash w')).toEqual(['web:']);
  expect(offered('slipway kill -s K')).toEqual(['KILL']);
  expect(offered('slipway stop --signal=US')).toEqual(['USR1', 'USR2']);
  expect(offered('slipway run --stop-signal Q')).toEqual(['QUIT']);
  for (const command of ['run', 'create', 'update']) expect(offered(`slipway ${command} --restart a`)).toEqual(['always']);
  expect(offered('slipway ps -f sta')).toEqual(
    ['created', 'running', 'paused', 'restarting', 'exited'].map((one) => `status=${one}`),
  );
  expect(offered('slipway ps --filter n')).toEqual(['name=']);
  expect(offered('slipway events -f t')).toEqual(['type=container', 'type=image', 'type=volume', 'type=network']);
  expect(offered('slipway volume ls -f dang')).toEqual(['dangling=true', 'dangling=false']);
});

test('bash offers containers and images to inspect and diff', () => {
  for (const command of ['inspect', 'diff']) expect(offered(`slipway ${command} `)).toEqual(['web', 'alpine']);
  expect(offered('slipway inspect web al')).toEqual(['alpine']);
  expect(offered('slipway diff alpine loc')).toEqual(['localhost:5000/app:1']);
});

test('bash accepts its script', () => {
  execFileSync('bash', ['-n', script]);
});

test('zsh and fish know every command and option', () => {
  for (const { name, options } of commandTree.filter(({ hidden }) => hidden !== true)) {
    expect(zshCompletion()).toContain(`_slipway_${name.replaceAll(' ', '_')}() {`);
    expect(fishCompletion()).toContain(`'__slipway_at "${name}"'`);
    for (const { flags } of options) {
      const long = /--[a-z-]+/.exec(flags)?.[0] ?? '';
      expect(zshCompletion()).toContain(`'*${long}`);
      expect(fishCompletion()).toContain(`-l ${long.slice(2)}`);
    }
  }
});
