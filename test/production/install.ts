import { docker, leftovers } from '../docker/docker-harness.ts'
import { readConfinement, reaches, sessionReaches } from './confinement.ts'
import { doorAt } from './door.ts'
import { tryFacility } from './facility.ts'
import { adminOf, eventually } from './people.ts'
import type { Admin } from './people.ts'
import type { Installation } from './site.ts'

type Say = (line: string) => void
const upWithinMs = 600_000

export const longLived = [
  ...(['postgres', 'temporal-postgres', 'temporal', 'api', 'gateway'] as const),
  ...(['guacd', 'worker-core', 'worker-docker', 'worker-mail'] as const),
] as const

/** Brings the installation up as docs/operations.md says, and returns its first admin. */
export async function install(installation: Installation, absent: readonly string[], say: Say): Promise<Admin> {
  const began = Date.now()
  await up(installation, absent)
  say(`everything is healthy after ${((Date.now() - began) / 1_000).toFixed(0)} s`)
  const log = await installation.run(['logs', '--no-color', 'bootstrap'])
  const token = /\b(carrel_[A-Za-z0-9_-]{20,})\b/.exec(log)?.[1]
  if (token === undefined) throw new Error(`bootstrap printed no token:\n${log}`)
  return adminOf(installation, token)
}

/** Starts what is not running, without images that this machine does not have, and waits for it; of Carrel's for `wanted` alone. */
export async function up(
  installation: Installation,
  absent: readonly string[],
  wanted: readonly string[] = longLived,
): Promise<void> {
  const ui = absent.some((image) => image.startsWith('temporalio/ui:')) ? [] : ['temporal-ui']
  await installation.run(['up', '-d', '--no-build', ...longLived, ...ui], { timeoutMs: upWithinMs })
  await installation.untilHealthy([...wanted, ...ui])
}

/** One session from its start to nothing left, and what every process may and may not do meanwhile. Breaches in words. */
export async function tryInstallation(installation: Installation, admin: Admin, say: Say): Promise<string[]> {
  const breaches = await readConfinement(installation)
  breaches.push(...(await tryFacility(admin)))
  const id = await admin.start('production')
  const state = await admin.until(id, ['ready', 'failed', 'stopped'])
  if (state !== 'ready') breaches.push(`the session became ${state}`)
  say(`a session is ${state}`)
  breaches.push(...(await readNetworks(installation)))
  const leave = await tryDoor(installation, admin, id, breaches)
  await admin.stop(id)
  await leave()
  const end = await admin.until(id, ['stopped', 'failed'])
  if (end !== 'stopped/user') breaches.push(`the session ended as ${end}`)
  breaches.push(...(await readLeftovers(installation)))
  say('the session has ended')
  breaches.push(...(await stopGateway(installation)))
  return breaches
}

/** A gateway that is asked to end does so in order, and by itself. It is started again. */
async function stopGateway(installation: Installation): Promise<string[]> {
  const began = Date.now()
  await installation.run(['stop', 'gateway'])
  const stopped = (await installation.containers()).find(({ service }) => service === 'gateway')?.seen.State
  await installation.run(['start', 'gateway'])
  await installation.untilHealthy(['gateway'])
  if (stopped?.Running !== false || stopped.ExitCode !== 0)
    return [`the gateway was asked to end and did so with ${stopped?.ExitCode} after ${Date.now() - began} ms`]
  return []
}

/** Goes through the session's door. What is returned looks whether it is closed once the session is to end. */
async function tryDoor(
  { gatewayPort }: Installation,
  admin: Admin,
  id: string,
  breaches: string[],
): Promise<() => Promise<void>> {
  const opened = await admin.ask('POST', `/v1/sessions/${id}/connections`, { door: 'web', mode: 'control' })
  const door = doorAt(gatewayPort, String(opened['url']))
  const is = (found: number, wanted: number, what: string) =>
    found === wanted || breaches.push(`${what}: ${found} and not ${wanted}`)
  is(await door.knock('/.carrel/open'), 200, "the door's own page")
  is(await door.knock('/'), 401, 'a page of the session, to nobody')
  const cookie = await door.enter()
  is(await door.look(cookie), 200, 'a page of the session, with a pass')
  return async () => {
    is(await door.look(cookie), 410, 'a page of the session once it is to end')
  }
}

/** What of sessions is left anywhere: objects, reservations, runs. */
export async function readLeftovers(installation: Installation): Promise<string[]> {
  const one = async (statement: string) => (await installation.sql('postgres', 'carrel', statement))[0] ?? ''
  const breaches = (await leftovers(await one('select deployment_id from installation'))).map((left) => `left: ${left}`)
  const held = await one('select count(*) from reservation where released_at is null')
  if (held !== '0') breaches.push(`${held} reservations are held`)
  const open = `select count(*) from executions_visibility where status = 1 and workflow_id ~ '^(session|teardown)/'`
  await eventually(
    'no session has an open run',
    async () => (await installation.sql('temporal-postgres', 'temporal_visibility', open))[0] === '0',
    30_000,
  ).catch((error: unknown) => breaches.push(String(error)))
  return breaches
}

/** Who reaches whom, tried with connections. */
async function readNetworks(installation: Installation): Promise<string[]> {
  const breaches: string[] = []
  const all = await installation.containers()
  const idOf = (service: string) => all.find((one) => one.service === service)?.id ?? ''
  const addressesOf = (service: string) =>
    Object.values(all.find((one) => one.service === service)?.seen.NetworkSettings.Networks ?? {}).map(
      (n) => n.IPAddress,
    )
  const ours = ['api', 'gateway', 'worker-core', 'worker-docker', 'worker-mail']
  const wanted = [
    ['temporal', 7233, ['api', 'worker-core', 'worker-docker', 'worker-mail']],
    ['postgres', 5432, ours],
    ['guacd', 4822, ['gateway']],
  ] as const
  for (const [name, port, by] of wanted) {
    const [address = ''] = addressesOf(name)
    for (const service of ours) {
      const may = by.some((one) => one === service)
      if ((await reaches(idOf(service), address, port)) !== may)
        breaches.push(`${service} ${may ? 'does not reach' : 'reaches'} ${name}`)
    }
  }
  // What is behind Temporal is nobody's but Temporal's, yet on the same network: its password keeps it.
  const [temporal = ''] = addressesOf('temporal')
  const [postgres = ''] = addressesOf('postgres')
  const deploymentId = (await installation.sql('postgres', 'carrel', 'select deployment_id from installation'))[0] ?? ''
  const sessions = await sessionContainers(deploymentId)
  if (sessions.length === 0) breaches.push('there is no session whose reach could be tried')
  for (const id of sessions)
    for (const [host, port] of [
      [temporal, 7233],
      [postgres, 5432],
      ...addressesOf('api').map((a) => [a, 8080] as const),
      ...addressesOf('gateway').flatMap((a) => [[a, 8090] as const, [a, 9090] as const]),
      ...addressesOf('guacd').map((a) => [a, 4822] as const),
    ] as const)
      if (await sessionReaches(id, host, port)) breaches.push(`a session reaches ${host}:${port}`)
  const published = all.flatMap(({ service, seen }) =>
    Object.values(seen.NetworkSettings.Ports).flatMap((ports) => (ports ?? []).map((p) => `${service} ${p.HostIp}`)),
  )
  const open = published.filter((one) => !/^(api|gateway|temporal-ui) 127\.0\.0\.1$/.test(one))
  return [...breaches, ...open.map((one) => `published: ${one}`)]
}

async function sessionContainers(deploymentId: string): Promise<string[]> {
  const filters = { label: [`carrel.deployment=${deploymentId}`] }
  return (await docker.listContainers({ filters })).map(({ Id }) => Id)
}
