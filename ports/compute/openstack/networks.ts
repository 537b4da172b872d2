/** First address and number of addresses, of an IPv4 network. */
interface Span {
  readonly first: number
  readonly size: number
}

function spanOf(network: string): Span {
  const [address = '', prefix = ''] = network.split('/')
  const size = 2 ** (32 - Number(prefix))
  const number = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)
  return { first: Math.floor(number / size) * size, size }
}

const textOf = ({ first, size }: Span): string =>
  `${[24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.')}/${32 - Math.log2(size)}`

const holds = (outer: Span, inner: Span) =>
  outer.first <= inner.first && inner.first + inner.size <= outer.first + outer.size

/** The fewest networks that hold every address of `networks` that is in none of `without`, in the order of their addresses. */
export function subtract(networks: readonly string[], without: readonly string[]): string[] {
  const holes = without.map(spanOf)
  const left = (span: Span): string[] => {
    if (holes.some((hole) => holds(hole, span))) return []
    if (!holes.some((hole) => holds(span, hole))) return [textOf(span)]
    const half = span.size / 2
    return [...left({ first: span.first, size: half }), ...left({ first: span.first + half, size: half })]
  }
  return networks.flatMap((network) => left(spanOf(network)))
}
