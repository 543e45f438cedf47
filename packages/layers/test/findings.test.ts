import { expect, test } from 'vitest';
import { Stack } from './stack.js';
import { tar } from './tar-builder.js';
import { hardLinks } from './tree-listing.js';

// What generated stacks of layers have found wrong.

test('a hard link to one name of a group below takes it out of the group, in a directory as in overlayfs', async () => {
  for (const first of [
    { name: 'a', body: 'a', pax: { 'SCHILY.xattr.trusted.x': 'x', mtime: '5.5' } },
    { name: 'a', type: '2', link: 'a' },
    { name: 'a', type: '6', uid: 7 },
  ]) {
    using stack = new Stack();
    await stack.apply(tar({ name: 'd/', type: '5', mtime: 9 }, first, { name: 'd/c', type: '1', link: 'a' }));
    await stack.apply(
      tar({ name: 'x', type: '1', link: 'd/c' }, { name: 'y', type: '1', link: 'd/c' }, { name: 'z', type: '1', link: 'x' }),
    );
    expect(stack.listOverlay()).toEqual(stack.listDirectory());
    expect(stack.onOverlay(hardLinks)).toEqual([['d/c', 'x', 'y', 'z']]);
    expect(hardLinks(stack.directory)).toEqual([['d/c', 'x', 'y', 'z']]);
  }
});
