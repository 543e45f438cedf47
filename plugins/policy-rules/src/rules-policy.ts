import path from 'node:path';
import { parseDigest, quote } from '@slipway/oci';
import {
  type PluginDirs,
  type Policy,
  type PolicyRequest,
  SlipwayError,
  throwIfAborted,
  tokens,
  wrapError,
} from '@slipway/plugin-api';
import { inject, injectable } from 'tsyringe';
import type { Rule, RulesConfig } from './config.js';
import { findSignatures } from './find-signatures.js';
import { type SignatureDemand, signatureFault } from './image-signature.js';
import { KeptSignatures } from './kept-signatures.js';
import { fitsName } from './name-pattern.js';
import { readPublicKey } from './public-key.js';

/** Reasons that are told; the count tells of the others. */
const maxTold = 4;

/** The first rule that is for the image decides; names and digests without asking anybody, signatures by what lies beside the image. */
@injectable()
export class RulesPolicy implements Policy, Disposable {
  readonly #kept: KeptSignatures;
  #closed = false;

  constructor(
    @inject(tokens.config) private readonly config: RulesConfig,
    @inject(tokens.dirs) dirs: PluginDirs,
  ) {
    this.#kept = new KeptSignatures(path.join(dirs.root, 'signatures'));
  }

  async check(request: PolicyRequest): Promise<void> {
    if (this.#closed)
      throw new SlipwayError({ kind: 'canceled', code: 'POLICY_CLOSED', message: 'the policy "rules" was closed' });
    const { name, target, signal } = request;
    throwIfAborted(`check of ${quote(name)}`, signal);
    parseDigest(target.digest);
    const index = this.config.rules.findIndex((rule) => isRuleFor(rule, name, target.digest));
    const rule = this.config.rules[index];
    if (rule === undefined) {
      if (this.config.default === 'allow') return;
      throw denied('RULES_DENIED', `no rule is for ${quote(name)} (${target.digest}), and the default is to deny`);
    }
    if (rule.action === 'allow') return;
    const what = `rule ${index + 1}${rule.match === undefined ? '' : ` (${quote(rule.match)})`}`;
    if (rule.action === 'deny') throw denied('RULES_DENIED', `${what} denies ${quote(name)} (${target.digest})`);
    await this.#requireSignature(what, rule, request);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
  }

  async #requireSignature(what: string, rule: Rule, request: PolicyRequest): Promise<void> {
    const { name, target } = request;
    const files = rule.keys ?? [];
    const keys = await Promise.all(files.map((file) => readPublicKey(file)));
    const demand: SignatureDemand = { name, digest: target.digest, identity: rule.identity, keys };
    if (await this.#isKept(demand)) return;
    const faults: string[] = [];
    for await (const found of findSignatures(request)) {
      const fault = 'fault' in found ? found.fault : await signatureFault(found.signature, demand);
      if (fault !== undefined) {
        faults.push(fault);
      } else if ('signature' in found) {
        await this.#keep(target.digest, found.signature);
        return;
      }
    }
    throw unsigned(
      `${what} asks for a signature of ${quote(name)} (${target.digest}) by ${files.map((file) => quote(file)).join(' or ')}`,
      faults,
    );
  }

  async #isKept(demand: SignatureDemand): Promise<boolean> {
    for await (const signature of this.#kept.of(demand.digest)) {
      if ((await signatureFault(signature, demand)) === undefined) return true;
    }
    return false;
  }

  async #keep(...signature: Parameters<KeptSignatures['keep']>): Promise<void> {
    try {
      await this.#kept.keep(...signature);
    } catch (error) {
      throw wrapError('keep the signature, for runs without a network', error);
    }
  }
}

function isRuleFor({ match, digests }: Rule, name: string, digest: string): boolean {
  return (match === undefined || fitsName(match, name)) && (digests === undefined || digests.includes(digest));
}

function unsigned(what: string, faults: readonly string[]): SlipwayError {
  if (faults.length === 0)
    return denied('RULES_UNSIGNED', `${what}, and found none`, 'have the image signed: cosign sign --key cosign.key NAME@DIGEST');
  const distinct = [...new Set(faults)];
  const told = distinct.slice(0, maxTold).join('; ');
  const rest = distinct.length > maxTold ? `; and ${distinct.length - maxTold} more` : '';
  return denied(
    'RULES_SIGNATURE_REFUSED',
    `${what}; found ${faults.length}, of which none counts: one ${told}${rest}`,
    'have the image signed with one of the keys, or correct the keys (or the identity, for a mirror) of the rule',
  );
}

function denied(code: string, message: string, hint = 'see [plugin.policy-rules] in the config'): SlipwayError {
  return new SlipwayError({ kind: 'permission-denied', code, message, hint });
}
