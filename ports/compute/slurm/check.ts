import type { CheckFinding } from '../../../domain/provider-check.ts'
import type { CheckAsk } from '../provider.ts'
import type { SlurmApi } from './api.ts'
import { SlurmFailure } from './failure.ts'
import { readerFindings } from './reader.ts'
import type { SlurmSettings } from './settings.ts'
import { accountsShape, diagShape, partitionsShape, pingShape, qosShape, usersShape } from './shapes.ts'
import type { Tokens } from './tokens.ts'
import { isReserved } from './users.ts'

export interface CheckDeps {
  readonly api: SlurmApi
  readonly tokens: Tokens
  readonly settings: SlurmSettings
}

const toleratedSkewMs = 30_000
const soonMs = 24 * 60 * 60_000
/** The accounting's own number for a token that it does not take: the controller has none of its own for that. */
const notAuthentic = 1007
const missing = (code: CheckFinding['code'], about?: string): CheckFinding => ({
  code,
  level: 'missing',
  ...(about === undefined ? {} : { about }),
})
const doubtful = (code: CheckFinding['code'], about: string): CheckFinding => ({ code, level: 'warning', about })

/** What accounts, users and QOS may hold at once is not read: a job that is over it waits, or is refused. */
const limits = doubtful('not_checked', 'limits of accounts and QOS')

/** Whether jobs could run: the token, the controller, what the settings and the templates name. Submits nothing. */
export async function checkProvider(deps: CheckDeps, ask: CheckAsk, signal: AbortSignal): Promise<CheckFinding[]> {
  const named = namesOf(ask, deps.settings)
  const images = ask.templates.filter(({ image }) => !Object.hasOwn(deps.settings.images, image))
  const known = images.map(({ image }) => missing('image_missing', image))
  const expiring = await credentialsOf(deps)
  if (expiring?.level === 'missing') return [expiring, ...known]
  const away = await reached(deps.api, signal)
  if (away !== null) return [away, ...known]
  const found = await Promise.all([
    absent('partition', named.partitions, async () => {
      const { partitions } = await deps.api.read('slurm', 'partitions', partitionsShape, signal)
      return partitions
    }),
    absent('QOS', named.qos, async () => (await deps.api.read('slurmdb', 'qos', qosShape, signal)).QOS),
    absent('account', named.accounts, async () => {
      const { accounts } = await deps.api.read('slurmdb', 'accounts', accountsShape, signal)
      return accounts
    }),
    readerFindings(deps.api, deps.settings.user, signal),
    namingOf(deps, signal),
    clockOf(deps.api, signal),
  ])
  return [...(expiring === null ? [] : [expiring]), ...known, ...found.flat(), limits]
}

async function credentialsOf({ tokens }: CheckDeps): Promise<CheckFinding | null> {
  try {
    await tokens.reader()
    const expiresAt = await tokens.expiresAt()
    if (expiresAt === null || expiresAt > Date.now() + soonMs) return null
    return doubtful('credentials_expiring', 'token')
  } catch (error) {
    if (error instanceof SlurmFailure) return missing('credentials_refused', 'token')
    throw error
  }
}

/** Reads what every look reads. The controller answers a bad token as if it were away; the accounting tells them apart. */
async function reached(api: SlurmApi, signal: AbortSignal): Promise<CheckFinding | null> {
  try {
    const isUp = await api.isUp(signal)
    if (!isUp) return missing('unreachable', 'controller')
    await api.jobs(signal)
    return null
  } catch (error) {
    if (!(error instanceof SlurmFailure)) throw error
    if (error.status === 404) return missing('version_unsupported', 'apiVersion')
    if (error.status === 401 || error.status === 403) return missing('credentials_refused', 'token')
    const said = await api.records({ id: 1 }, signal).then(
      () => null,
      (other: unknown) => (other instanceof SlurmFailure ? other.code : null),
    )
    return said === notAuthentic ? missing('credentials_refused', 'token') : missing('unreachable')
  }
}

/** Whether the one token is good for other users: Slurm takes it for them if it is root's or that of Slurm's own user. */
async function namingOf(
  { api, settings: { auth, user, refusedUsers } }: CheckDeps,
  signal: AbortSignal,
): Promise<CheckFinding[]> {
  if (auth !== 'token') return []
  const about = 'jobs as other users'
  const known = await unlessSilent(api.read('slurmdb', 'users', usersShape, signal))
  const other = known?.users.find(({ name }) => name !== user && !isReserved(name, { refusedUsers }))
  if (other === undefined) return [doubtful('not_checked', about)]
  const answered = await unlessSilent(api.read('slurm', 'ping', pingShape, signal, other.name))
  return answered === null ? [missing('permission_missing', about)] : []
}

/** By the cluster's clock sessions end and begin, and by Carrel's they are told. */
async function clockOf(api: SlurmApi, signal: AbortSignal): Promise<CheckFinding[]> {
  const askedAt = Date.now()
  const told = await unlessSilent(api.read('slurm', 'diag', diagShape, signal))
  if (told === null) return [doubtful('not_checked', 'clock of the controller')]
  const there = told.statistics.req_time * 1_000
  const isNear = there > askedAt - toleratedSkewMs && there < Date.now() + toleratedSkewMs
  return isNear ? [] : [doubtful('clock_skewed', 'controller')]
}

async function unlessSilent<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof SlurmFailure) return null
    throw error
  }
}

function namesOf({ templates }: CheckAsk, settings: SlurmSettings) {
  const terms = templates.map((template) => template.terms.slurm ?? {})
  const given = (names: readonly (string | undefined)[]) => [...new Set(names.filter((name) => name !== undefined))]
  return {
    partitions: given([settings.partition, ...terms.map(({ partition }) => partition)]),
    accounts: given([settings.account, ...terms.map(({ account }) => account)]),
    qos: given([settings.qos, ...terms.map(({ qos }) => qos)]),
  }
}

/** Which of the names nobody there bears. */
async function absent(
  kind: string,
  names: readonly string[],
  ask: () => Promise<readonly { readonly name: string }[]>,
): Promise<CheckFinding[]> {
  if (names.length === 0) return []
  const there = await unlessSilent(ask())
  if (there === null) return [doubtful('not_checked', kind)]
  const present = new Set(there.map(({ name }) => name))
  return names.filter((name) => !present.has(name)).map((name) => missing('named_missing', `${kind} ${name}`))
}
