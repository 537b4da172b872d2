/** Headers as they stood on the wire: name, value, name, value. */
export type RawHeaders = readonly string[]

/** The headers one by one. */
export function* headersOf(raw: RawHeaders): Generator<readonly [name: string, value: string]> {
  for (let at = 0; at + 1 < raw.length; at += 2) yield [raw[at] ?? '', raw[at + 1] ?? '']
}

/** Every value of a header, in order; `name` in lower case. */
export function valuesOf(raw: RawHeaders, name: string): readonly string[] {
  const values: string[] = []
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const given = raw[at] ?? ''
    if (given.length === name.length && given.toLowerCase() === name) values.push(raw[at + 1] ?? '')
  }
  return values
}

/** The one value of a header; `undefined` where there is none. Several are one that equals nothing anybody expects. */
export function valueOf(raw: RawHeaders, name: string): string | undefined {
  const values = valuesOf(raw, name)
  return values.length === 0 ? undefined : values.join(', ')
}

/** The members of a header that is a list, in lower case. */
export const membersOf = (raw: RawHeaders, name: string): readonly string[] =>
  valuesOf(raw, name)
    .flatMap((value) => value.split(','))
    .map((member) => member.trim().toLowerCase())
    .filter((member) => member !== '')
