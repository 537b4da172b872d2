import type { Api } from './api.ts'
import type { Node } from './node.ts'
import { activeShape } from './shapes.ts'
import type { ActiveShape } from './shapes.ts'

/** A tunnel in one node's list. */
export interface ActiveTunnel extends ActiveShape {
  readonly node: Node
}

/** Which of those listed are to be killed. Asked after each list. */
export type Choice = (listed: readonly ActiveTunnel[]) => readonly ActiveTunnel[] | Promise<readonly ActiveTunnel[]>

export interface Tunnels {
  /** Of all nodes; throws rather than list too few. */
  list(signal: AbortSignal): Promise<readonly ActiveTunnel[]>
  /**
   * Lists and kills what is `wanted`, until a list holds none. That alone proves it: a kill is answered alike whether the
   * tunnel was closed or still connects, and a connecting one lives on. Throws `Unavailable` where some are left after
   * ten rounds.
   */
  killAll(wanted: Choice, signal: AbortSignal): Promise<void>
}

const rounds = 10

export function createTunnels(api: Api, roundMs: number): Tunnels {
  async function listAt(node: Node, signal: AbortSignal): Promise<readonly ActiveTunnel[]> {
    const active = await api.readAt(node, 'activeConnections', activeShape, signal)
    if (active === null) throw api.unavailable('the list of tunnels is not there')
    return Object.values(active).map((tunnel) => ({ ...tunnel, node }))
  }
  const list = async (signal: AbortSignal) =>
    (await Promise.all(api.nodes.map(async (node) => await listAt(node, signal)))).flat()

  async function killAt(node: Node, tunnels: readonly ActiveTunnel[], signal: AbortSignal): Promise<void> {
    const json = tunnels.map(({ identifier }) => ({ op: 'remove', path: `/${identifier}` }))
    await api.changeAt(node, { method: 'PATCH', path: 'activeConnections', json }, signal)
  }

  return {
    list,
    async killAll(wanted, signal) {
      for (let round = 0; round < rounds; round++) {
        if (round > 1) await api.pause(roundMs, signal)
        const found = await wanted(await list(signal))
        if (found.length === 0) return
        const nodes = new Set(found.map(({ node }) => node))
        const kills = [...nodes].map(
          async (node) =>
            await killAt(
              node,
              found.filter((tunnel) => tunnel.node === node),
              signal,
            ),
        )
        await Promise.all(kills)
      }
      throw api.unavailable('tunnels are still open')
    },
  }
}
