import type { AccessAccounts } from '../../../ports/access/accounts.ts'
import { createMemoryAccounts } from '../../../ports/access/accounts.ts'
import type { AccessGateway, Launch } from '../../../ports/access/access-gateway.ts'
import { createGuacamoleGateway } from '../../../ports/access/guacamole/gateway.ts'
import { guacamoleSettings } from '../../../ports/access/guacamole/settings.ts'
import type { GuacamoleSettings } from '../../../ports/access/guacamole/settings.ts'
import { openBrowser } from './browser.ts'
import type { Browser } from './browser.ts'
import { createDatabase } from './database.ts'
import type { Database } from './database.ts'
import { startNode } from './node.ts'
import type { DoubleNode } from './node.ts'

/** The double as an installation: nodes that share a database, an administering service account, drivers in front. */
export interface DoubleSite {
  readonly db: Database
  readonly nodes: readonly DoubleNode[]
  readonly accounts: AccessAccounts
  readonly settings: GuacamoleSettings
  /** A driver of its own, as a process has one; closed with the site. */
  driver(more?: Partial<GuacamoleSettings>): AccessGateway
  /** A browser goes where a launch leads. */
  enter(launch: Launch): Browser
  /** What bears the deployment's names: connections, rights, tunnels. */
  leftovers(deploymentId: string): readonly string[]
  users(deploymentId: string): readonly string[]
  /** The named requests that arrived, at all nodes. */
  requests(method: string, path: RegExp): number
  close(): Promise<void>
}

const service = { username: 'svc-portal', password: 'service-secret' }

export async function createDoubleSite(nodeCount = 1, more: Partial<GuacamoleSettings> = {}): Promise<DoubleSite> {
  const db = createDatabase({ username: 'guacadmin', password: 'admin-secret' })
  db.addUser(service.username, service.password).grants.system.add('ADMINISTER')
  const nodes = await Promise.all(Array.from({ length: nodeCount }, async () => await startNode(db)))
  const settings = guacamoleSettings.parse({
    nodes: nodes.map(({ url }, n) => ({ name: `node-${n}`, url, publicUrl: url })),
    ...service,
    requestTimeoutMs: 10_000,
    retryAfterMs: 10,
    roundMs: 50,
    ...more,
  })
  const accounts = createMemoryAccounts()
  const drivers: AccessGateway[] = []
  const browsers: Browser[] = []
  const prefix = (deploymentId: string) => `carrel-${deploymentId}`

  return {
    db,
    nodes,
    accounts,
    settings,
    driver(changed = {}) {
      const driver = createGuacamoleGateway({ settings: { ...settings, ...changed }, accounts })
      drivers.push(driver)
      return driver
    },
    enter({ baseUrl, path, token }) {
      const [id = '', , dataSource = ''] = Buffer.from(path.replace('#/client/', ''), 'base64').toString().split('\0')
      const browser = openBrowser(baseUrl, { token, id, dataSource })
      browsers.push(browser)
      return browser
    },
    leftovers(deploymentId) {
      const groups = [...db.groups.values()].filter(({ name }) => name === prefix(deploymentId)).map(({ id }) => id)
      const connections = [...db.connections.values()].filter(({ parent }) => groups.includes(parent))
      const users = [...db.users.values()].filter(({ name }) => name.startsWith(`${prefix(deploymentId)}-`))
      const tunnels = nodes.flatMap(({ state }) => [...state.tunnels.values()])
      return [
        ...connections.map(({ name }) => `connection ${name}`),
        ...users.flatMap(({ name, grants }) =>
          [...(grants.objects.get('connectionPermissions')?.values() ?? [])]
            .filter((p) => p.size > 0)
            .map(() => `right of ${name}`),
        ),
        ...tunnels
          .filter(
            (t) =>
              t.login.username.startsWith(prefix(deploymentId)) || connections.some(({ id }) => id === t.connectionId),
          )
          .map(({ uuid }) => `tunnel ${uuid}`),
      ]
    },
    users: (deploymentId) => [...db.users.keys()].filter((name) => name.startsWith(`${prefix(deploymentId)}-`)),
    requests: (method, path) =>
      nodes.flatMap(({ seen }) => seen).filter((r) => r.method === method && path.test(r.path)).length,
    async close() {
      for (const browser of browsers) browser.leave()
      for (const node of nodes) node.faults.clear()
      await Promise.all(drivers.map(async (driver) => await driver.close()))
      await Promise.all(nodes.map(async (node) => await node.stop('crash')))
    },
  }
}
