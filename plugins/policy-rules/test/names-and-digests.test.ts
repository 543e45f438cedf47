import { afterEach, beforeEach, expect, it } from 'vitest';
import { outcomeOf, type RulesPlace, rulesPlace } from './open-rules.js';
import { SignedImages } from './signed-images.js';

const images = new SignedImages();
let place: RulesPlace;
beforeEach(() => {
  place = rulesPlace();
});
afterEach(() => place[Symbol.dispose]());

it('lets the first rule that is for the image decide', async () => {
  const policy = await place.open({
    default: 'allow',
    rules: [
      { match: 'memory.test/team/good', action: 'allow' },
      { match: 'memory.test/team/*', action: 'deny' },
      { match: 'memory.test/team/bad', action: 'allow' },
    ],
  });
  expect(await outcomeOf(policy, images.image('team/good'))).toBe('allowed');
  expect(await outcomeOf(policy, images.image('other/any'))).toBe('allowed');
  const bad = images.image('team/bad');
  expect(await outcomeOf(policy, bad)).toBe(
    `RULES_DENIED: rule 2 ("memory.test/team/*") denies "memory.test/team/bad:1" (${bad.target.digest})`,
  );
});

it('denies what no rule is for', async () => {
  const image = images.image();
  expect(await outcomeOf(await place.open({}), image)).toContain('the default is to deny');
  expect(await outcomeOf(await place.open({ default: 'deny', rules: [] }), image)).toContain(
    `RULES_DENIED: no rule is for "${image.name}" (${image.target.digest})`,
  );
});

it('denies digests under whatever name, and allows digests of a name', async () => {
  const [known, banned, unknown] = [images.image('team/app'), images.image('team/app'), images.image('team/app')];
  const policy = await place.open({
    rules: [
      { digests: [banned.target.digest], action: 'deny' },
      { match: 'memory.test/team/*', digests: [known.target.digest, banned.target.digest], action: 'allow' },
    ],
  });
  expect(await outcomeOf(policy, known)).toBe('allowed');
  expect(await outcomeOf(policy, { ...banned, name: 'memory.test/elsewhere/x:2' })).toContain('rule 1 denies');
  expect(await outcomeOf(policy, banned)).toContain('rule 1 denies');
  expect(await outcomeOf(policy, unknown)).toContain('no rule is for');
  expect(await outcomeOf(policy, { ...known, name: 'memory.test/elsewhere/x:2' })).toContain('no rule is for');
});

it('knows names with a scheme', async () => {
  const policy = await place.open({ rules: [{ match: 'oci:/srv/images/*', action: 'allow' }] });
  const image = images.image();
  expect(await outcomeOf(policy, { ...image, name: 'oci:/srv/images/app:1' })).toBe('allowed');
  expect(await outcomeOf(policy, { ...image, name: 'oci:/tmp/app:1' })).toContain('RULES_DENIED');
});
