import { expect, test } from 'vitest';
import { printable, printableBlock, printableJson } from '../src/printable.js';
import { table } from '../src/table.js';
import { formatAge, formatBytes } from '../src/units.js';

test('escapes of terminals are shown and not sent, in lines, blocks and JSON', () => {
  expect(printable('a\u001b[2Jb\u009b1m\u202ec\nd')).toBe('a\\u{1b}[2Jb\\u{9b}1m\\u{202e}c\\u{a}d');
  expect(printableBlock('one\n\u001b]0;x\u0007two')).toBe('one\n\\u{1b}]0;x\\u{7}two');
  const value = { name: 'a\u001b\u009b\u007f\u2028\u{1f600}é' };
  const json = printableJson(value, 2);
  expect(json).not.toMatch(/(?!\n)[\p{Cc}\u2028]/u);
  expect(JSON.parse(json)).toEqual(value);
});

test('columns line up, and no line ends in spaces', () => {
  expect(
    table(
      ['NAME', 'SIZE'],
      [
        ['a', '1'],
        ['longer\u001b', ''],
      ],
    ),
  ).toBe('NAME           SIZE\na              1\nlonger\\u{1b}\n');
  expect(table(['NAME'], [])).toBe('NAME\n');
});

test('bytes are decimal and never read 1000.0', () => {
  expect([0, 999, 1000, 1500, 999_949, 999_950, 7_800_000, 1.2e9, 3e15].map(formatBytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '1.5 kB',
    '999.9 kB',
    '1.0 MB',
    '7.8 MB',
    '1.2 GB',
    '3000.0 TB',
  ]);
});

test('ages are whole units, and a clock set back is no negative age', () => {
  const now = Date.parse('2026-11-21T12:00:00Z');
  const ages = [
    '2026-11-21T11:59:30Z',
    '2026-11-21T11:58:59Z',
    '2026-11-19T12:00:00Z',
    '2020-11-21T12:00:00Z',
    '2027-01-01T00:00:00Z',
    'x',
  ];
  expect(ages.map((time) => formatAge(time, now))).toEqual([
    'just now',
    '1 minute ago',
    '2 days ago',
    '6 years ago',
    'just now',
    'unknown',
  ]);
});
