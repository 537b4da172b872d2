import { z } from 'zod'
import type { Catalogue } from '../catalogue.ts'
import { unavailable } from '../catalogue.ts'
import { CatalogueFailure, createJsonRequests } from '../json-requests.ts'
import type { Numbers } from '../words.ts'
import { investigationId, readInvestigations } from './investigations.ts'
import type { DatasetPattern, Investigation } from './investigations.ts'

export interface IcatSettings {
  readonly url: string
  readonly plugin: string
  readonly username: string
  readonly password: string
  readonly statuses: readonly ('all' | 'released' | 'embargoed')[]
  readonly ownerRoles: readonly string[]
  readonly datasets: readonly DatasetPattern[]
  readonly defaultPosix: Numbers | null
  readonly timeoutMs?: number
}

const Session = z.union([z.string().min(1), z.object({ sessionId: z.string().min(1) }).transform((s) => s.sessionId)])
const List = z.array(z.unknown()).max(100_000)
const usersAtOnce = 4

/** ICAT, asked by an account of its own that sees everything. */
export function createIcat(settings: IcatSettings): Catalogue {
  const send = createJsonRequests(settings.timeoutMs)
  const at = (path: string) => new URL(`${settings.url.replace(/\/+$/, '')}${path}`)

  async function signIn(signal: AbortSignal): Promise<string> {
    const { plugin, username, password } = settings
    const answer = await send({ method: 'POST', url: at('/session'), body: { plugin, username, password } }, signal)
    const session = Session.safeParse(answer)
    if (!session.success) throw new CatalogueFailure('It gave no session id.')
    return encodeURIComponent(session.data)
  }

  async function list(path: string, what: string, signal: AbortSignal): Promise<unknown[]> {
    const answer = List.safeParse(await send({ method: 'GET', url: at(path) }, signal))
    if (!answer.success) throw new CatalogueFailure(`Its ${what} are no list.`)
    return answer.data
  }

  async function readAll(signal: AbortSignal): Promise<Investigation[]> {
    const root = `/catalogue/${await signIn(signal)}/investigation`
    const records: unknown[] = []
    for (const status of settings.statuses)
      records.push(
        ...(await list(status === 'all' ? root : `${root}/status/${status}/investigation`, 'investigations', signal)),
      )
    const distinct = [...new Map(records.map((record) => [investigationId(record) ?? record, record])).values()]
    const all: Investigation[] = Array.from(distinct, (record) => ({ record, users: [] }))
    const places = [...distinct.keys()]
    const inRow = async (): Promise<void> => {
      for (let place = places.shift(); place !== undefined; place = places.shift()) {
        const id = investigationId(distinct[place])
        if (id === null) continue
        const users = await list(`${root}/id/${encodeURIComponent(id)}/investigationusers`, 'users', signal)
        all[place] = { record: distinct[place], users }
      }
    }
    await Promise.all(Array.from({ length: usersAtOnce }, inRow))
    return all
  }

  return {
    extent: 'whole',
    async list(_login, rules, signal) {
      try {
        const { ownerRoles, datasets, defaultPosix } = settings
        const all = await readAll(signal)
        return { kind: 'listed', listing: readInvestigations(all, { ...rules, ownerRoles, datasets, defaultPosix }) }
      } catch (error) {
        if (error instanceof CatalogueFailure) return unavailable(error.message)
        throw error
      }
    },
  }
}
