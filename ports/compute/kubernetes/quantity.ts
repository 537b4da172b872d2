const parts: Readonly<Record<string, number>> = { n: 1e9, u: 1e6, m: 1e3 }
const decimal = { '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 }
const binary = { Ki: 1_024, Mi: 1_024 ** 2, Gi: 1_024 ** 3, Ti: 1_024 ** 4, Pi: 1_024 ** 5, Ei: 1_024 ** 6 }
const multiples: Readonly<Record<string, number>> = { ...decimal, ...binary }

/** What an amount comes to that the cluster writes as `500m`, `2Gi` or `1e3`; `null`: it is none. */
export function quantityOf(text: string): number | null {
  const [, digits = '', suffix = ''] = /^(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)([A-Za-z]*)$/.exec(text) ?? []
  const [part, multiple] = [parts[suffix], multiples[suffix]]
  if (digits === '') return null
  // What is divided comes out as it would be written.
  if (part !== undefined) return Number(digits) / part
  return multiple === undefined ? null : Number(digits) * multiple
}
