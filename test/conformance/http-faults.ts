import type { ComputeProvider } from '../../ports/compute/provider.ts'
import type { FaultProxy, Match } from '../support/fault-proxy.ts'
import type { ComputeFaults } from './compute-facets.ts'

export interface HttpFaultOptions {
  /** A driver whose every request goes through the proxies; its timeouts should be some seconds. */
  readonly provider: ComputeProvider
  /** One for each service of the backend. */
  readonly proxies: readonly FaultProxy[]
  /** The request that makes the instance. */
  readonly creating: Match
  /** The one that can be held, and take effect after everything was removed; `creating` unless said. */
  readonly holding?: Match
  /** The one that ends it. */
  readonly removing: Match
  /** Which requests change something; all but GET, HEAD and OPTIONS unless said. */
  readonly writing?: Match
  /** By how much a slow backend makes each request longer; 200 ms unless said. */
  readonly slowMs?: number
}

const changes: Match = (method) => !['GET', 'HEAD', 'OPTIONS'].includes(method)

/** The faults of any backend that is reached by HTTP, for its conformance harness. */
export function httpFaults(options: HttpFaultOptions): ComputeFaults {
  const { provider, proxies, creating, holding = creating, removing, writing = changes, slowMs = 200 } = options
  const all = async (deed: (proxy: FaultProxy) => Promise<void>) => void (await Promise.all(proxies.map(deed)))
  /** Of several proxies one takes it. */
  const once = (match: Match): Match => {
    let isTaken = false
    return (method, path) => !isTaken && (isTaken = match(method, path))
  }
  const loseNext = (match: Match) => {
    const first = once(match)
    for (const proxy of proxies) proxy.loseNext(first)
  }
  return {
    provider,
    loseNextAnswer: () => loseNext(creating),
    holdNextCreate() {
      const first = once(holding)
      const held = proxies.map((proxy) => proxy.holdNext(first))
      // Whichever holds it; of the others none has a request.
      return { land: async () => await Promise.any(held.map(async (each) => await each.land())) }
    },
    goDown: () => all((proxy) => proxy.refuse()),
    hang: () => all((proxy) => proxy.hang()),
    slow: () => all((proxy) => proxy.slow(slowMs)),
    recover: () => all((proxy) => proxy.pass()),
    http: {
      loseNextRemoval: () => loseNext(removing),
      loseWrite(number) {
        let seen = 0
        let happened = false
        const match: Match = (method, path) => writing(method, path) && seen++ === number && (happened = true)
        for (const proxy of proxies) proxy.loseNext(match)
        return { happened: () => happened }
      },
      answer: (status, headers) => all((proxy) => proxy.answer(status, headers, '{}')),
      garbage: (kind) => all((proxy) => proxy.garbage(kind)),
      requests: () => proxies.reduce((sum, { requests }) => sum + requests.length, 0),
    },
  }
}
