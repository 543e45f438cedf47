/** Protocol Buffers, proto3: what a message has, as plain data from which its types are inferred. */
export type Scalar = 'string' | 'bytes' | 'bool' | 'int32' | 'uint32' | 'int64' | 'uint64';

/** `set`: that it is there is told, too (`optional`). `some`: nothing stands for not there, and cannot be said. */
export type Form = 'one' | 'some' | 'set' | 'many' | 'map';

export interface Field<Value = unknown, Init = unknown> {
  readonly number: number;
  readonly form: Form;
  readonly of: Scalar | Fields;
  /** Of its type alone: never there. */
  readonly types?: { readonly value: Value; readonly init: Init };
}

/** By their names. */
export interface Fields {
  readonly [name: string]: Field;
}

/** A message as it is read: all fields are there. */
export type Values<F extends Fields> = { readonly [K in keyof F]: NonNullable<F[K]['types']>['value'] };

/** A message as it is written: what is left out has the value that stands for nothing. Or its bytes, encoded before. */
export type Init<F extends Fields> = { readonly [K in keyof F]?: NonNullable<F[K]['types']>['init'] | undefined } | Uint8Array;

interface ScalarTypes {
  readonly string: string;
  readonly bytes: Uint8Array;
  readonly bool: boolean;
  readonly int32: number;
  readonly uint32: number;
  readonly int64: bigint;
  readonly uint64: bigint;
}

type InitOf<S extends Scalar> = S extends 'int64' | 'uint64' ? bigint | number : ScalarTypes[S];

export function one<S extends Scalar>(number: number, of: S): Field<ScalarTypes[S], InitOf<S>> {
  return { number, form: 'one', of };
}

export function some<S extends Scalar>(number: number, of: S): Field<ScalarTypes[S], InitOf<S>> {
  return { number, form: 'some', of };
}

export function set<S extends Scalar>(number: number, of: S): Field<ScalarTypes[S] | undefined, InitOf<S>> {
  return { number, form: 'set', of };
}

export function many<S extends Scalar>(number: number, of: S): Field<readonly ScalarTypes[S][], readonly InitOf<S>[]> {
  return { number, form: 'many', of };
}

/** With keys that are strings. */
export function map<S extends Scalar>(
  number: number,
  of: S,
): Field<ReadonlyMap<string, ScalarTypes[S]>, Readonly<Record<string, InitOf<S>>>> {
  return { number, form: 'map', of };
}

export function message<F extends Fields>(number: number, of: F): Field<Values<F> | undefined, Init<F>> {
  return { number, form: 'set', of };
}

export function messages<F extends Fields>(number: number, of: F): Field<readonly Values<F>[], readonly Init<F>[]> {
  return { number, form: 'many', of };
}
