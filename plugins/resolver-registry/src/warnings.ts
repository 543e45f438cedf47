import { neutralize, quote } from '@slipway/oci';

/** Of all registries together: who makes up a new warning for each answer is not listened to for ever. */
const maxWarnings = 64;
const maxShown = 300;
const maxHeader = 8192;

/** `299 - "text"`, the only form that distribution-spec has; other codes, agents and dates are of HTTP's caches. */
const warning = /(?:^|,)[ \t]*299 - "((?:[^"\\]|\\.)*)"/g;

/** Shows what registries warn of (distribution-spec, "Warnings"), each text once. */
export class Warnings {
  private readonly shown = new Set<string>();

  constructor(private readonly show: (message: string) => void) {}

  /** @param conceal takes secrets out of what the registry says */
  heed(registry: string, header: string | readonly string[] | undefined, conceal: (text: string) => string): void {
    if (header === undefined) return;
    const text = (typeof header === 'string' ? header : header.join(', ')).slice(0, maxHeader);
    for (const [, quoted = ''] of text.matchAll(warning)) {
      // Header values arrive as latin1; a text beyond ASCII is UTF-8 (RFC 9110, section 5.5, leaves it open).
      const said = Buffer.from(quoted.replace(/\\(.)/g, '$1'), 'latin1').toString('utf8');
      const message = `registry ${quote(registry)} warns: ${neutralize(conceal(said), maxShown)}`;
      if (this.shown.has(message) || this.shown.size >= maxWarnings) continue;
      this.shown.add(message);
      this.show(message);
    }
  }
}
