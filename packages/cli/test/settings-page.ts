import { settingsOptions } from '../src/run/settings-options.js';

/** The tables of the reference page for the options that `run` and `create` share. */
export function settingsTables(): string {
  const headings = [...new Set(settingsOptions.map(({ heading = '' }) => heading))];
  return headings.map(tableOf).join('\n');
}

function tableOf(heading: string): string {
  const rows = settingsOptions
    .filter((option) => option.heading === heading)
    .map(({ flags, text, repeats }) => `| \`${flags}\` | ${text}${repeats === true ? '. Repeatable' : ''} |\n`);
  return `| ${heading.replace(/:$/, '')} | meaning |\n|---|---|\n${rows.join('')}`;
}
