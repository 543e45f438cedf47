/**
 * `after-end-main.js FILE RECORD`: what a container's monitor runs where nobody else cleans up (`Supervision.afterEnd`). FILE says how the engine was opened that started the
 * container, RECORD is what lists all that the container had. Nobody reads what is printed: where this fails, the next command finds the record.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { OpenEngineOptions } from './options.js';

async function main([file = '', record = '']: readonly string[]): Promise<void> {
  // Another command may have been first; and what it then made anew to look into may have been removed meanwhile.
  if (!existsSync(record)) return;
  const { openEngine } = await import('./index.js');
  await using engine = await openEngine(JSON.parse(readFileSync(file, 'utf8')) as OpenEngineOptions);
  await engine.system.recover(path.basename(record));
}

void main(process.argv.slice(2));
