import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Credential helpers as shell scripts in a folder that is in PATH for as long as this lives. */
export class HelperPrograms implements Disposable {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'slipway-helpers-'));
  readonly #before = process.env['PATH'];

  constructor() {
    process.env['PATH'] = `${this.folder}:${this.#before}`;
  }

  /** `script`: what it does, in sh. Its verb is `$1`; `$DIR` is a folder of its own. */
  add(name: string, script: string): void {
    const file = path.join(this.folder, `docker-credential-${name}`);
    writeFileSync(file, `#!/bin/sh\nDIR=${this.folder}\n${script}\n`);
    chmodSync(file, 0o755);
  }

  /** One that keeps each server in a file, by the protocol of docker's. */
  addStore(name: string): void {
    this.add(
      name,
      `input=$(cat); echo "$1" >> "$DIR/calls"
server=$(printf %s "$input" | sed -n 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/p'); [ -n "$server" ] || server=$input
file="$DIR/kept-$(printf %s "$server" | tr '/:' '__')"
case $1 in
  get) [ -f "$file" ] && cat "$file" || { echo "credentials not found in native keychain"; exit 1; } ;;
  store) printf %s "$input" > "$file" ;;
  erase) [ -f "$file" ] && rm "$file" || { echo "credentials not found in native keychain"; exit 1; } ;;
esac`,
    );
  }

  /** What {@link addStore} has for this server. */
  kept(server: string): unknown {
    const file = path.join(this.folder, `kept-${server.replaceAll(/[/:]/g, '_')}`);
    return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  }

  [Symbol.dispose](): void {
    process.env['PATH'] = this.#before;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
