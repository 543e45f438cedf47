import { isDigest } from '@slipway/oci';
import * as v from 'valibot';
import { patternFault } from './name-pattern.js';

const pattern = v.pipe(
  v.string(),
  v.maxLength(512),
  v.rawCheck(({ dataset, addIssue }) => {
    const fault = dataset.typed ? patternFault(dataset.value) : undefined;
    if (fault !== undefined) addIssue({ message: fault });
  }),
);

const digest = v.pipe(
  v.string(),
  v.check((text) => isDigest(text), 'sha256: or sha512: and as many lower-case hexadecimal digits as it has'),
);

const rule = v.pipe(
  v.strictObject({
    match: v.optional(
      v.pipe(
        pattern,
        v.description(
          'Full names: registry.example.com/team/*, docker.io/library/alpine:3.*; * is anything but "/", ** anything. Left out: every name.',
        ),
      ),
    ),
    digests: v.optional(
      v.pipe(
        v.array(digest),
        v.minLength(1, 'a digest or more'),
        v.maxLength(10_000),
        v.description('What the name means: the digest of an index, or of a manifest. Left out: every digest.'),
      ),
    ),
    action: v.pipe(
      v.picklist(['allow', 'deny', 'signed']),
      v.description('signed: allow what one of the keys has signed, as cosign does.'),
    ),
    keys: v.optional(
      v.pipe(
        v.array(v.pipe(v.string(), v.startsWith('/', 'an absolute path'))),
        v.minLength(1, 'a key or more'),
        v.maxLength(32),
        v.description('PEM files of public keys: ECDSA P-256 or P-384, RSA, Ed25519.'),
      ),
    ),
    identity: v.optional(
      v.pipe(
        pattern,
        v.description(
          'The name that the signature must be for, where it is not the name of the image: that of the origin of a mirror.',
        ),
      ),
    ),
  }),
  v.check((r) => r.match !== undefined || r.digests !== undefined, 'match, or digests, or both'),
  v.check((r) => (r.action === 'signed') === (r.keys !== undefined), 'keys where the action is signed, and only there'),
  v.check((r) => r.action === 'signed' || r.identity === undefined, 'identity only where the action is signed'),
);

export const rulesConfig = v.strictObject({
  default: v.optional(v.pipe(v.picklist(['allow', 'deny']), v.description('For an image that no rule is for.')), 'deny'),
  rules: v.optional(
    v.pipe(
      v.array(rule),
      v.maxLength(1000),
      v.description(
        [
          'The first that is for the image decides. One of them, as [[plugin.policy-rules.rules]]:',
          '  match = "registry.example.com/team/*"   # full names',
          '  digests = ["sha256:..."]                # of match, or of all; at least one of the two',
          '  action = "signed"                       # or allow, deny',
          '  keys = ["/etc/slipway/keys/team.pub"]   # for signed: PEM files',
          '  identity = "origin.example.com/team/*"  # for signed: what the signature must name, if not the image\'s own name',
        ].join('\n'),
      ),
    ),
    [],
  ),
});

export type RulesConfig = v.InferOutput<typeof rulesConfig>;
export type Rule = v.InferOutput<typeof rule>;
