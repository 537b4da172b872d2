import { createServer } from 'node:http'
import { networkInterfaces } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Egress } from '../../domain/template.ts'
import { openConnection } from '../../ports/compute/docker/connection.ts'
import { createEgressGuard } from '../../ports/compute/docker/egress.ts'
import { createEngine } from '../../ports/compute/docker/engine.ts'
import { egressRules } from '../../ports/compute/docker/egress-rules.ts'
import { dockerSettings } from '../../ports/compute/docker/settings.ts'
import { call, eventually, freshDeployment, freshKey, listed, refOf } from '../conformance/compute-harness.ts'
import type { InstanceKey } from '../conformance/compute-harness.ts'
import { containerOf, docker, inside, leftovers, openDocker, serverSpec } from './docker-harness.ts'
import { asNetworkAdmin, openOutside } from './outside.ts'
import type { Outside } from './outside.ts'

const settings = { siteNetworks: ['198.51.100.8/30'] }
/** How the addresses of session networks begin, unless a provider is told otherwise. */
const sessionPool = '198.18.'
const provider = openDocker(settings)
const deployment = freshDeployment()
const classes = ['none', 'internet', 'site'] as const satisfies Egress[]
const sessions = {} as Record<Egress, { readonly key: InstanceKey; readonly id: string; readonly address: string }>

let outside: Outside
let neighbour: { readonly id: string; readonly address: string; readonly published: number }
/** Where this machine is reached: the control plane would listen there. */
let hostAddresses: string[]
let hostPort: number
const undos: (() => unknown)[] = []

beforeAll(async () => {
  outside = await openOutside()
  undos.push(outside.close)
  const host = createServer((_, response) => response.end('the control plane'))
  await new Promise<void>((resolve) => host.listen(0, '0.0.0.0', resolve))
  undos.push(() => host.close().closeAllConnections())
  const address = host.address()
  hostPort = typeof address === 'object' ? (address?.port ?? 0) : 0
  neighbour = await startNeighbour()
  undos.push(() => docker.getContainer(neighbour.id).remove({ force: true }))
  await Promise.all(
    classes.map(async (egress) => {
      const key = freshKey(deployment)
      expect(await provider.create({ ...serverSpec(key), egress }, call())).toMatchObject({ kind: 'made' })
      const id = await containerOf(key)
      sessions[egress] = { key, id, address: await addressOf(id) }
    }),
  )
  // The bridges of other sessions come and go meanwhile.
  const own = await Promise.all(classes.map(async (egress) => await gatewayOf(sessions[egress].id)))
  hostAddresses = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map((i) => i.address)
    .filter((found) => !found.startsWith(sessionPool) || own.includes(found))
}, 300_000)

afterAll(async () => {
  for (const { ref } of await listed(provider, deployment)) await provider.remove(ref, call())
  await provider.close()
  for (const undo of undos.toReversed()) await undo()
  expect(await leftovers(deployment)).toEqual([])
}, 60_000)

test('what the sessions are kept from can be reached: an ordinary container does', async () => {
  const targets = [`172.17.0.1:${hostPort}`, `${outside.site}:8080`, `${outside.elsewhere}:8080`]
  expect(await reached(neighbour.id, targets)).toEqual(targets)
  const own = hostAddresses.map((address) => `${address}:${hostPort}`)
  expect(await reached(neighbour.id, own)).toEqual(own)
})

describe.each(classes)('from inside a session with egress %s', (egress) => {
  test('the machine is out of reach at each of its addresses, and so is what it publishes', async () => {
    const targets = hostAddresses.flatMap((address) => [`${address}:${hostPort}`, `${address}:${neighbour.published}`])
    expect(targets.length).toBeGreaterThan(4)
    expect(await reached(sessions[egress].id, targets)).toEqual([])
  })

  test('the metadata address, other containers and other sessions are out of reach', async () => {
    const others = classes.filter((other) => other !== egress).map((other) => `${sessions[other].address}:8080`)
    const targets = ['169.254.169.254:80', `${neighbour.address}:8080`, ...others]
    expect(await reached(sessions[egress].id, targets)).toEqual([])
  })

  test('of the rest it reaches what its class says', async () => {
    const targets = [`${outside.site}:8080`, `${outside.elsewhere}:8080`]
    const expected = { none: [], site: targets.slice(0, 1), internet: targets }
    expect(await reached(sessions[egress].id, targets)).toEqual(expected[egress])
  })

  test('it answers on its published port', async () => {
    const state = await provider.inspect(refOf(sessions[egress].key), call())
    if (state.kind !== 'running') throw new Error(`it should run: ${JSON.stringify(state)}`)
    const ask = () =>
      fetch(`http://127.0.0.1:${state.endpoints[0]?.hostPort}/`, { signal: AbortSignal.timeout(2000) }).then(
        (response) => response.status,
        () => null,
      )
    expect(await eventually(ask, (status) => status === 200, 10_000)).toBe(200)
  })
})

test('without egress there is no name service either, and programs do not wait for it', async () => {
  const from = performance.now()
  const answer = await inside(sessions.none.id, ['sh', '-c', 'getent hosts example.com || echo nothing'])
  expect(answer).toBe('nothing\n')
  expect(performance.now() - from).toBeLessThan(5000)
})

test('rules that somebody flushed are back before the next driver starts anything', async () => {
  const { table } = egressRules(dockerSettings.parse(settings))
  await asNetworkAdmin(`nft delete table inet ${table}`, { tag: 'carrel-egress:1', network: 'host' })
  expect(await reached(sessions.none.id, [`${outside.site}:8080`])).toHaveLength(1)
  const fresh = openDocker(settings)
  const key = freshKey(deployment)
  expect(await fresh.create({ ...serverSpec(key), egress: 'none' }, call())).toMatchObject({ kind: 'made' })
  expect(await reached(sessions.none.id, [`${outside.site}:8080`])).toEqual([])
  expect(fresh.capabilities).toMatchObject({ isolation: 'enforced', egress: ['none', 'internet', 'site'] })
  await fresh.remove(refOf(key), call())
  await fresh.close()
})

test('rules that somebody flushed are back with the first list after they are too old to be believed', async () => {
  const parsed = dockerSettings.parse(settings)
  const rules = egressRules(parsed)
  const connection = openConnection(parsed)
  const minute = 60_000
  let later = 0
  const guard = createEgressGuard(createEngine(connection.docker, 20_000), rules, () => Date.now() + later)
  guard.refresh()
  await guard.idle()
  expect(guard.enforced).toBe(false)
  await guard.ensure(call())
  await asNetworkAdmin(`nft delete table inet ${rules.table}`, { tag: 'carrel-egress:1', network: 'host' })
  guard.refresh()
  await guard.idle()
  expect(await reached(sessions.none.id, [`${outside.site}:8080`])).toHaveLength(1)
  later = 6 * minute
  guard.refresh()
  await guard.idle()
  expect(await reached(sessions.none.id, [`${outside.site}:8080`])).toEqual([])
  connection.close()
})

/** A container of somebody else on this daemon, with a port that all the world may use. */
async function startNeighbour(): Promise<typeof neighbour> {
  const spec = serverSpec(freshKey(deployment))
  const container = await docker.createContainer({
    Image: spec.image,
    Cmd: [...(spec.command ?? [])],
    Labels: { 'carrel.test': 'neighbour' },
    ExposedPorts: { '8080/tcp': {} },
    HostConfig: { PortBindings: { '8080/tcp': [{ HostIp: '0.0.0.0', HostPort: '' }] } },
  })
  await container.start()
  const { Ports } = (await container.inspect()).NetworkSettings
  const published = Number(Ports['8080/tcp']?.[0]?.HostPort)
  return { id: container.id, address: await addressOf(container.id), published }
}

async function addressOf(id: string): Promise<string> {
  const { Networks } = (await docker.getContainer(id).inspect()).NetworkSettings
  return Object.values(Networks)[0]?.IPAddress ?? ''
}

async function gatewayOf(id: string): Promise<string> {
  const { Networks } = (await docker.getContainer(id).inspect()).NetworkSettings
  return Object.values(Networks)[0]?.Gateway ?? ''
}

/** Those of the `host:port` targets to which a program in the container gets a connection. */
async function reached(id: string, targets: readonly string[]): Promise<string[]> {
  const attempts = targets.map((target) => {
    const device = `/dev/tcp/${target.replace(':', '/')}`
    return `(timeout 3 bash -c '<${device}' 2>/dev/null && echo ${target}) &`
  })
  const said = await inside(id, ['bash', '-c', [...attempts, 'wait'].join('\n')])
  const lines = new Set(said.split('\n'))
  return targets.filter((target) => lines.has(target))
}
