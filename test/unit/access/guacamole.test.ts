import { accessConformance } from '../../conformance/access-gateway.ts'
import type { AccessHarness, LosableCall } from '../../conformance/access-harness.ts'
import { eventually } from '../../conformance/access-harness.ts'
import type { Fault } from '../../support/guacamole/faults.ts'
import { createDoubleSite } from '../../support/guacamole/site.ts'

const any: Fault['matches'] = () => true
/** The request that has the call's effect. */
const effects: Record<LosableCall, Fault['matches']> = {
  open: ({ method, path }) => method === 'POST' && path.endsWith('/connections'),
  revoke: ({ method, path }) => method === 'PATCH' && path.endsWith('/permissions'),
  closeDoors: ({ method, path }) => method === 'DELETE' && path.includes('/connections/'),
  kill: ({ method, path }) => method === 'PATCH' && path.endsWith('/activeConnections'),
}

async function harness(nodeCount: number): Promise<AccessHarness> {
  const site = await createDoubleSite(nodeCount)
  const gateway = site.driver()
  let ports = 5901
  let down = false
  return {
    gateway,
    another: () => site.driver(),
    impatient: site.driver({ requestTimeoutMs: 100 }),
    target: (protocol = 'vnc') => ({
      protocol,
      host: '10.0.0.5',
      port: ports++,
      parameters: { password: 'vnc-secret' },
    }),
    enter(launch) {
      const browser = site.enter(launch)
      const shown = () => browser.instructions.some(([opcode]) => opcode === 'sync')
      return {
        async entered() {
          await eventually(shown, (was) => was || browser.closed() !== null)
          return shown()
        },
        isOpen: () => shown() && browser.closed() === null,
        gone: async () => void (await browser.ended()),
        leave: () => browser.leave(),
      }
    },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      for (const { settings } of site.nodes) settings.hold = promise
      return {
        letGo() {
          for (const { settings } of site.nodes) settings.hold = null
          resolve()
        },
      }
    },
    kills: () => site.requests('PATCH', /activeConnections$/),
    leftovers: (deploymentId) => site.leftovers(deploymentId),
    users: (deploymentId) => site.users(deploymentId),
    async restart() {
      for (const node of site.nodes) await node.restart()
    },
    // Twice, as the driver itself asks once more after a connection that failed.
    loseNextAnswer(call) {
      for (const { faults } of site.nodes) faults.add({ matches: effects[call], times: 2, effect: 'cut_after' })
    },
    async goDown() {
      down = true
      for (const node of site.nodes) await node.stop('stop')
    },
    hang() {
      const { promise } = Promise.withResolvers<void>()
      for (const { faults } of site.nodes) faults.add({ matches: any, until: promise })
    },
    async recover() {
      for (const node of site.nodes) {
        node.faults.clear()
        if (down) await node.start()
      }
      down = false
    },
    boundedMs: 15_000,
    close: async () => await site.close(),
  }
}

accessConformance('Guacamole on two nodes', async () => await harness(2))
