/** JSON with the members of every object in order and without blanks: equal values give equal text. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`)
  return `{${members.join(',')}}`
}

const deepest = 64

/** Whether the value nests deeper than anything that is taken here: what walks a value may then rely on its stack. */
export function isTooDeep(value: unknown, left = deepest): boolean {
  if (typeof value !== 'object' || value === null) return false
  return left === 0 || Object.values(value).some((member) => isTooDeep(member, left - 1))
}

/**
 * Where the value holds text that Postgres cannot keep: NUL, or half of a surrogate pair. `null`: nowhere. A JSON pointer.
 */
export function unstorable(value: unknown, pointer = ''): string | null {
  if (typeof value === 'string') return value.includes('\0') || !value.isWellFormed() ? pointer : null
  if (typeof value !== 'object' || value === null) return null
  for (const [name, member] of Object.entries(value)) {
    const place = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (name.includes('\0') || !name.isWellFormed()) return pointer
    const found = unstorable(member, place)
    if (found !== null) return found
  }
  return null
}
