import { setTimeout as delay } from 'node:timers/promises'
import type { Service } from '../../ports/compute/openstack/catalog.ts'
import type { RawAnswer, RawCloud } from '../support/openstack/raw-cloud.ts'
import type { RawBackend } from './backend.ts'
import type { StandConfig } from './openstack-stand.ts'

interface Thing {
  readonly id: string
  readonly name: string
}

/**
 * The same without Carrel: a server with a port and a security group of its own, each made by a plain call. However many wait for
 * theirs, all are listed twice a second.
 */
export function rawServers(config: StandConfig, raw: RawCloud): RawBackend {
  const done = ({ status, body }: RawAnswer) => {
    if (status > 299) throw new Error(`a bare call was answered ${status}`)
    return body
  }
  const make = async (service: Service, kind: string, name: string, what: object) =>
    (done(await raw.call(service, 'POST', `/${kind}`, { [name]: what })) as Record<string, Thing>)[name]
  const idOf = async (service: Service, kind: string, name: string) => {
    const all = (done(await raw.call(service, 'GET', `/${kind}`)) as Record<string, Thing[]>)[kind] ?? []
    return all.find((thing) => thing.name === name)?.id
  }
  const until = waiting(raw)
  /** Of each server. */
  const around = new Map<string, { readonly port: string; readonly group: string }>()

  async function group(): Promise<string> {
    const made = await make('network', 'security-groups', 'security_group', { name: 'raw' })
    const { id, security_group_rules: rules } = made as Thing & { security_group_rules: Thing[] }
    for (const rule of rules) done(await raw.call('network', 'DELETE', `/security-group-rules/${rule.id}`))
    const ingress = { security_group_id: id, direction: 'ingress', ethertype: 'IPv4', protocol: 'tcp' }
    await make('network', 'security-group-rules', 'security_group_rule', {
      ...ingress,
      port_range_min: 8080,
      port_range_max: 8080,
      remote_ip_prefix: '192.0.2.10/32',
    })
    return id
  }

  const act = async (id: string, action: string) =>
    void done(await raw.call('compute', 'POST', `/servers/${id}/action`, { [action]: null }))

  return {
    async start() {
      const [flavorRef, network, imageRef] = await Promise.all([
        idOf('compute', 'flavors', config.flavor),
        idOf('network', 'networks', config.network),
        idOf('image', 'images', config.image),
      ])
      const own = await group()
      const port = await make('network', 'ports', 'port', { network_id: network, security_groups: [own] })
      const server = { name: 'raw', flavorRef, imageRef, networks: [{ port: port?.id }] }
      const id = (await make('compute', 'servers', 'server', server))?.id ?? ''
      around.set(id, { port: port?.id ?? '', group: own })
      await until(id, 'ACTIVE')
      return id
    },
    async stop(id) {
      done(await raw.call('compute', 'DELETE', `/servers/${id}`))
      await until(id, undefined)
      const { port, group: own } = around.get(id) ?? {}
      done(await raw.call('network', 'DELETE', `/ports/${port}`))
      done(await raw.call('network', 'DELETE', `/security-groups/${own}`))
    },
    rests: {
      async rest(id) {
        await act(id, 'shelve')
        await until(id, 'SHELVED_OFFLOADED')
      },
      async wake(id) {
        await act(id, 'unshelve')
        await until(id, 'ACTIVE')
      },
    },
  }
}

const patientMs = 300_000

/** Waits until a server is in a state; `undefined`: until it is gone. */
function waiting(raw: RawCloud): (id: string, status: string | undefined) => Promise<void> {
  let listing: Promise<ReadonlyMap<string, string>> | undefined
  const list = async () => {
    await delay(500)
    listing = undefined
    const { body } = await raw.call('compute', 'GET', '/servers/detail?limit=500')
    const { servers } = body as { servers: { id: string; status: string }[] }
    return new Map(servers.map(({ id, status }) => [id, status]))
  }
  return async (id, status) => {
    const deadline = Date.now() + patientMs
    for (;;) {
      const is = (await (listing ??= list())).get(id)
      if (is === status) return
      if (is === 'ERROR' || Date.now() > deadline) throw new Error(`a bare server is ${is}, not ${status}`)
    }
  }
}
