import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Encoded bytes with another message at the end of a path of field numbers; all else stays as it is. Messages on the way that are not there are made. */
export function replaceMessage(bytes: Uint8Array, [number, ...inside]: readonly number[], message: Uint8Array): Uint8Array {
  if (number === undefined) return message;
  const reader = new BinaryReader(bytes);
  const out = new BinaryWriter();
  let found: Uint8Array = new Uint8Array();
  while (reader.pos < reader.len) {
    const begin = reader.pos;
    const [field, type] = reader.tag();
    if (field === number && type === WireType.LengthDelimited) found = reader.bytes();
    else {
      reader.skip(type, field);
      out.raw(bytes.subarray(begin, reader.pos));
    }
  }
  return out
    .tag(number, WireType.LengthDelimited)
    .bytes(replaceMessage(found, inside, message))
    .finish();
}
