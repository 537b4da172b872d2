import { z } from 'zod'
import type { Catalogue, CatalogueAsk } from '../catalogue.ts'
import { gapOf } from '../catalogue.ts'
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
/** What ICATs answer to whom they do not know. */
const denials: readonly number[] = [400, 401, 403]
/** Ten thousand investigations with all that ICAT tells of each. */
const maxBytes = 64 * 1024 * 1024

/** ICAT, asked by an account of its own that sees everything. */
export function createIcat(settings: IcatSettings): Catalogue {
  const send = createJsonRequests(settings.timeoutMs, maxBytes)
  const at = (path: string) => new URL(`${settings.url.replace(/\/+$/, '')}${path}`)

  async function signIn(signal: AbortSignal): Promise<string | null> {
    const { plugin, username, password } = settings
    const request = { method: 'POST', url: at('/session'), body: { plugin, username, password } } as const
    const answer = await send(request, signal).catch((error: unknown) => {
      if (error instanceof CatalogueFailure && denials.includes(error.status ?? 0)) return null
      throw error
    })
    if (answer === null) return null
    const session = Session.safeParse(answer)
    if (!session.success) throw new CatalogueFailure('It gave no session id.')
    return encodeURIComponent(session.data)
  }

  async function list(path: string, what: string, signal: AbortSignal): Promise<unknown[]> {
    const answer = List.safeParse(await send({ method: 'GET', url: at(path) }, signal))
    if (!answer.success) throw new CatalogueFailure(`Its ${what} are no list.`)
    return answer.data
  }

  /** Each once, in the order of their ids: by that a part goes on where the one before ended, whatever has come or gone. */
  async function investigations(root: string, signal: AbortSignal): Promise<readonly Listed[]> {
    const records: unknown[] = []
    for (const status of settings.statuses)
      records.push(
        ...(await list(status === 'all' ? root : `${root}/status/${status}/investigation`, 'investigations', signal)),
      )
    const found = records.map((record) => ({ id: investigationId(record), record }))
    const distinct = [...new Map(found.map((one) => [one.id ?? one.record, one])).values()]
    return distinct.toSorted((a, b) => ((a.id ?? '') < (b.id ?? '') ? -1 : 1))
  }

  /** Those after `from`, with their users, as many as there is time for. */
  async function readPart(
    session: string,
    { from, until }: CatalogueAsk,
    signal: AbortSignal,
  ): Promise<{ readonly part: readonly Investigation[]; readonly next: string | null }> {
    const root = `/catalogue/${session}/investigation`
    const all = await investigations(root, signal)
    const left = from === null ? all : all.filter(({ id }) => id !== null && id > from)
    const part: Investigation[] = []
    let next = 0
    const inRow = async (): Promise<void> => {
      // The first is always read: else there might be no end.
      while (next < left.length && (next === 0 || Date.now() < until)) {
        const place = next++
        const one = left[place]
        if (one === undefined) return
        const users =
          one.id === null
            ? []
            : await list(`${root}/id/${encodeURIComponent(one.id)}/investigationusers`, 'users', signal)
        part[place] = { record: one.record, users }
      }
    }
    await Promise.all(Array.from({ length: usersAtOnce }, inRow))
    return { part, next: next < left.length ? (left[next - 1]?.id ?? '') : null }
  }

  return {
    extent: 'whole',
    async list(ask, rules, signal) {
      try {
        const session = await signIn(signal)
        if (session === null) return gapOf('denied', 'It does not let Carrel in: name, password or plugin is wrong.')
        const { ownerRoles, datasets, defaultPosix } = settings
        const { part, next } = await readPart(session, ask, signal)
        const listing = readInvestigations(part, { ...rules, ownerRoles, datasets, defaultPosix })
        return { kind: 'listed', listing, next }
      } catch (error) {
        if (error instanceof CatalogueFailure) return gapOf('away', error.message)
        throw error
      }
    },
  }
}

interface Listed {
  /** `null`: it says none. */
  readonly id: string | null
  readonly record: unknown
}
