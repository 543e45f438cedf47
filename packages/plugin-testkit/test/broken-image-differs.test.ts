import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { afterApply, broken, brokenParts, replaced } from './broken-differ.ts';
import { differFaults } from './differ-faults.ts';

const writes = ['erofs'] as const;

differFaults(
  [
    {
      fault: 'whiteouts are files of images',
      open: brokenParts({ writes, uncompressed: (blob) => replaced(blob, '.wh.', '_wh_') }),
      among: 'layers: a whiteout',
      laws: /./,
    },
    {
      fault: 'directories of images are never opaque',
      open: brokenParts({ writes, uncompressed: (blob) => replaced(blob, '.wh..wh..opq', '.wh.nothing0') }),
      among: 'layers: an opaque',
      laws: /./,
    },
    {
      fault: 'images are never the same bytes',
      open: afterApply((path) => writeFileSync(path, randomBytes(4096), { flag: 'a' }), { writes }),
      among: 'work: the same',
      laws: ['the same layers give the same trees'],
    },
    {
      fault: 'images are compared in the wrong order',
      open: broken((sound) => ({ compare: (lower, upper, options) => sound.compare(lower, [...upper].reverse(), options) }), {
        writes,
      }),
      among: 'compare: ',
      laws: /more layers|nothing below|equal trees|one marker|sockets/,
    },
    {
      fault: 'images below are not looked at',
      open: broken((sound) => ({ compare: (_, upper, options) => sound.compare([], upper, options) }), { writes }),
      among: 'compared: a deleted',
      laws: /./,
    },
  ],
  writes,
);
