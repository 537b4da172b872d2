/** Text from outside as Postgres takes it, in `text` and in `jsonb`: no NUL, no half characters, at most `max` long. */
export const plainText = (text: string, max: number): string => text.replaceAll('\0', '').slice(0, max).toWellFormed()

/** A value from outside, of plain objects, as JSON that `jsonb` takes: the same of all its texts and names. */
export const plainJson = (value: object): string =>
  JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === 'string') return plainText(inner, inner.length)
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner
    return Object.fromEntries(
      Object.entries(inner).map(([name, one]) => [plainText(name, name.length), one as unknown]),
    )
  })
