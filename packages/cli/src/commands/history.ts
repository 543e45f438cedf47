import { parsePlatform } from '@slipway/oci';
import type { HistoryItem } from '@slipway/plugin-api';
import type { Action } from '../command.js';
import { withEngine } from '../host.js';
import { printable, printableJson } from '../printable.js';
import { shortDigest } from '../short-digest.js';
import { table } from '../table.js';
import { formatAge, formatBytes } from '../units.js';

export const history: Action = async (invocation) => {
  const { args, options, global, output } = invocation;
  const [ref = ''] = args;
  const platform = options.text('platform');
  const chosen = platform === undefined ? undefined : parsePlatform(platform);
  const items = await withEngine(invocation, (engine) => engine.images.history(ref, { platform: chosen }));
  if (global.json) output.out(`${printableJson(items, 2)}\n`);
  else if (global.quiet)
    output.out(items.flatMap(({ layer }) => (layer === undefined ? [] : [`${printable(layer.digest)}\n`])).join(''));
  else {
    const now = Date.now();
    const isWhole = options.flag('trunc') === false;
    output.out(
      table(
        ['LAYER', 'CREATED', 'CREATED BY', 'SIZE', 'COMMENT'],
        items.map((item) => row(item, now, isWhole)),
      ),
    );
  }
  return 0;
};

function row({ layer, created, created_by: command = '', comment = '' }: HistoryItem, now: number, isWhole: boolean): string[] {
  const digest = layer?.digest ?? '<none>';
  return [
    isWhole ? digest : shortDigest(digest),
    created === undefined ? 'unknown' : formatAge(created, now),
    isWhole ? command : cut(command),
    formatBytes(layer?.size ?? 0),
    comment,
  ];
}

const longestCommand = 45;

function cut(text: string): string {
  const characters = [...printable(text)];
  return characters.length <= longestCommand ? characters.join('') : `${characters.slice(0, longestCommand - 1).join('')}…`;
}
