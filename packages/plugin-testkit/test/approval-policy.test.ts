import { policyLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { ApprovalPolicy, opener } from './approval-policy.ts';

policyLaws(
  { describe, it },
  opener((root) => new ApprovalPolicy(root)),
);
