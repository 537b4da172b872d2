import { docker } from '../docker/docker-harness.ts'
import type { Dumps } from './dumps.ts'
import { longLived, readLeftovers } from './install.ts'
import { eventually } from './people.ts'
import type { Admin } from './people.ts'
import type { Installation } from './site.ts'

type Say = (line: string) => void
interface Trial {
  readonly installation: Installation
  readonly admin: Admin
  readonly dumps: Dumps
  readonly say: Say
}

/** Takes the databases away and brings them back, in every combination. Breaches in words. */
export async function tryRestores(trial: Trial): Promise<string[]> {
  const breaches: string[] = []
  for (const [name, scenario] of Object.entries(scenarios)) {
    const began = Date.now()
    const found = await scenario(createWatch(trial))
    found.push(...(await readLeftovers(trial.installation)))
    breaches.push(...found.map((breach) => `${name}: ${breach}`))
    trial.say(`${name}: ${found.length} breaches (${((Date.now() - began) / 1_000).toFixed(0)} s)`)
  }
  return breaches
}

/** Dumps of both, Temporal's first; sessions begin and end between and after them; both are lost and brought back. */
async function both({ dumps, begin, end, now, instances, hold, arm, dryRun, removeUnknown }: Watch): Promise<string[]> {
  const [lives, endsBetween, endsAfter] = await begin('lives', 'ends between', 'ends after')
  await dumps.dumpTemporal()
  const [between] = await begin('begins between')
  await end(endsBetween)
  await dumps.dumpCarrel()
  const [after] = await begin('begins after')
  await end(endsAfter)
  await dumps.lose({ carrel: true, temporal: true, back: true })
  const breaches = await hold([lives, between, after])
  await arm()
  breaches.push(...lacking(await dryRun(), { unknown_instance: [after] }))
  breaches.push(
    ...(await now({
      [lives]: 'ready',
      [endsBetween]: 'stopped/user',
      [endsAfter]: /^failed\/(instance_lost|internal)$/,
      [between]: /^failed\/internal$/,
    })),
  )
  if (!(await instances()).has(after)) breaches.push('an instance that no row knows was removed unasked')
  await removeUnknown([after])
  await end(lives)
  return breaches
}

/** Only Carrel's database is lost; Temporal remembers more than the rows. */
async function onlyCarrel(watch: Watch): Promise<string[]> {
  const { dumps, begin, end, now, instances, hold, arm, dryRun, removeUnknown, endRun } = watch
  const [lives, endsAfter] = await begin('lives', 'ends after')
  await dumps.dumpCarrel()
  const [after] = await begin('begins after')
  await end(endsAfter)
  await dumps.lose({ carrel: true, temporal: false, back: true })
  const breaches = await hold([lives, after])
  await arm()
  breaches.push(...lacking(await dryRun(), { unknown_instance: [after] }))
  breaches.push(...(await now({ [lives]: 'ready', [endsAfter]: /^failed\/(instance_lost|internal)$/ })))
  if (!(await instances()).has(after)) breaches.push('an instance that no row knows was removed unasked')
  await removeUnknown([after])
  await endRun(after)
  await end(lives)
  return breaches
}

/** Only Temporal's database is lost; the rows know more than the runs, and stay armed. */
async function onlyTemporal({ dumps, begin, end, now }: Watch): Promise<string[]> {
  const [lives, endsAfter] = await begin('lives', 'ends after')
  await dumps.dumpTemporal()
  const [after] = await begin('begins after')
  await end(endsAfter)
  await dumps.lose({ carrel: false, temporal: true, back: true })
  const breaches = await now({ [after]: /^failed\/internal$/, [endsAfter]: 'stopped/user', [lives]: 'ready' })
  await end(lives)
  return breaches
}

/** Temporal's database is lost and there is no dump: nobody carries the sessions on. */
async function temporalAnew({ dumps, begin, now, hold, arm }: Watch): Promise<string[]> {
  const [lives] = await begin('lives')
  await dumps.lose({ carrel: false, temporal: true, back: false })
  const breaches = await hold([lives])
  await arm()
  breaches.push(...(await now({ [lives]: /^failed\/internal$/ })))
  return breaches
}

const scenarios = {
  'both restored': both,
  "only Carrel's restored": onlyCarrel,
  "only Temporal's restored": onlyTemporal,
  "Temporal's made anew": temporalAnew,
}

type Drifts = ReadonlyMap<string, readonly { readonly subject: string; readonly sessionId: string }[]>

const lacking = (drifts: Drifts, wanted: Readonly<Record<string, readonly string[]>>): string[] =>
  Object.entries(wanted).flatMap(([kind, ids]) =>
    ids
      .filter((id) => drifts.get(kind)?.some(({ sessionId }) => sessionId === id) !== true)
      .map((id) => `the dry run does not name ${id} as ${kind}`),
  )

/** What a scenario does and sees. */
function createWatch({ installation, admin, dumps, say }: Trial) {
  const deployment = async () =>
    (await installation.sql('postgres', 'carrel', 'select deployment_id from installation'))[0] ?? ''
  const instances = async (): Promise<Set<string>> => {
    const filters = { label: [`carrel.deployment=${await deployment()}`] }
    return new Set((await docker.listContainers({ filters })).map(({ Labels }) => Labels['carrel.session'] ?? ''))
  }
  const disarmed = async () => {
    const { dependencies } = (await admin.ask('GET', '/v1/status')) as {
      dependencies: readonly { name: string; state: string }[]
    }
    return dependencies.some(({ name, state }) => name === 'installation' && state !== 'ok')
  }
  interface Reconciled {
    readonly id: string
    readonly outcome: string | null
    readonly report: { readonly drifts: readonly { kind: string; subject: string; sessionId: string }[] } | null
  }
  const reconcile = async (body: Readonly<Record<string, unknown>>): Promise<Reconciled> => {
    const headers = { 'idempotency-key': crypto.randomUUID(), prefer: 'respond-async' }
    const whole = { provider: 'docker', reason: 'a trial', ...body }
    let seen = (await admin.ask('POST', '/v1/admin/reconciliations', whole, headers)) as unknown as Reconciled
    await eventually('the reconciliation has ended', async () => {
      seen = (await admin.ask('GET', `/v1/admin/reconciliations/${seen.id}`)) as unknown as Reconciled
      return seen.outcome !== null
    })
    return seen
  }
  const dryRun = async (): Promise<Drifts> => {
    const { report } = await reconcile({ dryRun: true })
    return Map.groupBy(report?.drifts ?? [], ({ kind }) => kind)
  }
  return {
    dumps,
    instances,
    dryRun,
    /** Starts sessions and waits until they are ready. */
    async begin<const N extends readonly string[]>(...names: N): Promise<{ [K in keyof N]: string }> {
      const ids = await Promise.all(names.map(async (name) => await admin.start(name)))
      for (const id of ids) {
        const state = await admin.until(id, ['ready', 'failed', 'stopped'])
        if (state !== 'ready') throw new Error(`A session that was to be ready is ${state}.`)
      }
      // One id for each name.
      return ids as unknown as { [K in keyof N]: string }
    },
    async end(id: string): Promise<void> {
      await admin.stop(id)
      const end = await admin.until(id, ['stopped', 'failed'])
      if (end !== 'stopped/user') throw new Error(`A session that was stopped ended as ${end}.`)
    },
    /** A disarmed installation leaves everything as it is, for longer than two surveys. */
    async hold(ids: readonly string[]): Promise<string[]> {
      await eventually('the installation is disarmed', disarmed, 60_000)
      const until = Date.now() + 30_000
      while (Date.now() < until) {
        const there = await instances()
        const gone = ids.filter((id) => !there.has(id))
        if (gone.length > 0) return gone.map((id) => `${id} was removed while the installation was disarmed`)
        await new Promise((resolve) => setTimeout(resolve, 1_000))
      }
      return []
    },
    async arm(): Promise<void> {
      await admin.ask('POST', '/v1/admin/reconciliations/arm', { reason: 'a trial' })
      await installation.untilHealthy(longLived)
    },
    /** Waits until each session is as is wanted. */
    async now(wanted: Readonly<Record<string, string | RegExp>>): Promise<string[]> {
      const breaches: string[] = []
      for (const [id, want] of Object.entries(wanted)) {
        let seen = ''
        const isSo = async () => {
          const { name, state, reason } = await admin.session(id)
          const known = reason === null ? state : `${state}/${reason}`
          seen = `"${name}" is ${known}`
          return typeof want === 'string' ? known === want : want.test(known)
        }
        await eventually(seen, isSo).catch(() => breaches.push(`${seen} and not ${String(want)}`))
        say(`  ${seen}`)
      }
      return breaches
    },
    /** What an operator does with instances that no row knows. */
    async removeUnknown(ids: readonly string[]): Promise<void> {
      const unknown = (await dryRun()).get('unknown_instance') ?? []
      const remove = unknown.filter(({ sessionId }) => ids.includes(sessionId)).map(({ subject }) => subject)
      await reconcile({ dryRun: false, remove })
      await eventually('they are gone', async () => {
        const there = await instances()
        return ids.every((id) => !there.has(id))
      })
    },
    /** Terminates a session's run, as an operator does in Temporal's UI. */
    async endRun(id: string): Promise<void> {
      const program = `import {connectTemporal} from './platform/temporal/connection.ts';import {Client} from '@temporalio/client'
        const connection=await connectTemporal({address:'temporal:7233',namespace:'carrel'})
        await new Client({connection,namespace:'carrel'}).workflow.getHandle('session/${id}').terminate('a trial').catch(()=>{})
        await connection.close()`
      await installation.run(['exec', '-T', 'api', 'node', '--input-type=module', '-e', program])
    },
  }
}
type Watch = ReturnType<typeof createWatch>
