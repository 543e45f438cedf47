import { lockRemoval } from '../../dist/metadata/removal-lock.js';

const [root = '', name = ''] = process.argv.slice(2);
const lock = lockRemoval(root, { snapshotter: 'fake', name });
console.log('locked');
// Until it is killed.
setInterval(() => lock, 1_000_000);
