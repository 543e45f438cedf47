import type { Method } from './messages/services.js';
import { encodeMessage } from './wire/encode.js';
import type { Fields, Init } from './wire/fields.js';

/** A request as it stands in a plan: somebody else sends it. */
export interface EncodedRequest {
  /** `grpc.AgentService` */
  readonly service: string;
  /** `CreateContainer` */
  readonly method: string;
  readonly payload: Uint8Array;
}

/** Throws an EncodeError on a value that its field cannot have. */
export function encodeRequest<I extends Fields>(method: Method<I>, request: Init<I>): EncodedRequest {
  return { service: method.service, method: method.name, payload: encodeMessage(method.request, request) };
}
