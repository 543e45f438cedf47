import { opener } from './subject.ts';

export const openSubject = opener({ firewall: 'nftables' });
