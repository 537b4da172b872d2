/** What the placeholders of the recorded exchanges stand for now. */
export type Bindings = Map<string, string>

const placeholder = /<[a-z0-9][a-z0-9 :-]*>/g
const whole = /^<[a-z0-9][a-z0-9 :-]*>$/
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const times = new Set(['startDate', 'endDate', 'lastActive'])

/** The text with its placeholders filled in. Throws for one that nothing is known of. */
export function filled(text: string, bindings: Bindings): string {
  return text.replace(placeholder, (name) => {
    const value = bindings.get(name)
    if (value === undefined) throw new Error(`nothing stands for ${name}`)
    return value
  })
}

/** The same, in all texts of a value. */
export function filledIn(value: unknown, bindings: Bindings): unknown {
  if (typeof value === 'string') return filled(value, bindings)
  if (Array.isArray(value)) return value.map((v) => filledIn(v, bindings))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [filled(k, bindings), filledIn(v, bindings)]))
}

/**
 * Where the actual body differs from the recorded one: a path with both, or nothing. A placeholder (or a recorded uuid)
 * that nothing stands for yet takes the actual value; times are alike when both are numbers, or both null.
 */
export function differences(recorded: unknown, actual: unknown, bindings: Bindings, at = '$'): string[] {
  if (typeof recorded === 'string') {
    const name = whole.test(recorded) || uuid.test(recorded) ? recorded : null
    if (name !== null && typeof actual === 'string' && !bindings.has(name)) bindings.set(name, actual)
    const wanted = name === null ? filled(recorded, bindings) : bindings.get(name)
    return wanted === actual ? [] : [`${at}: ${recorded} is ${JSON.stringify(actual)}`]
  }
  if (Array.isArray(recorded)) {
    if (!Array.isArray(actual) || actual.length !== recorded.length)
      return [`${at}: another list ${JSON.stringify(actual)}`]
    return recorded.flatMap((r, i) => differences(r, actual[i], bindings, `${at}[${i}]`))
  }
  if (typeof recorded !== 'object' || recorded === null)
    return recorded === actual ? [] : [`${at}: ${String(recorded)} is ${JSON.stringify(actual)}`]
  if (typeof actual !== 'object' || actual === null) return [`${at}: no object but ${JSON.stringify(actual)}`]
  return objectDifferences(Object.entries(recorded), actual, bindings, at)
}

function objectDifferences(recorded: [string, unknown][], actual: object, bindings: Bindings, at: string): string[] {
  const left = new Map<string, unknown>(Object.entries(actual))
  const found = recorded.flatMap(([key, value]) => {
    const own = whole.test(key) || uuid.test(key) ? (bindings.get(key) ?? [...left.keys()][0] ?? key) : key
    if (own !== key) bindings.set(key, own)
    if (!left.has(own)) return [`${at}.${key}: missing`]
    const seen = left.get(own)
    left.delete(own)
    if (times.has(key)) return typeof seen === typeof value ? [] : [`${at}.${key}: ${JSON.stringify(seen)}`]
    return differences(value, seen, bindings, `${at}.${key}`)
  })
  return [...found, ...[...left.keys()].map((key) => `${at}.${key}: too much`)]
}

/** The kinds of a value and of all below it, so that two lists of other entries can be compared: one shape per list. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])]
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([k, v]) => [k, times.has(k) || k === 'connectionIdentifier' ? 'any' : shapeOf(v)]),
  )
}
