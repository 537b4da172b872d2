import type { Sketch } from './sketch.ts'
import { serveJson } from './serve-json.ts'

/** ICAT's REST, as far as investigations and their users go. */
export async function startIcat(account: {
  readonly plugin: string
  readonly username: string
  readonly password: string
}) {
  let records: readonly Readonly<Record<string, unknown>>[] = []
  const users = new Map<string, readonly unknown[]>()
  const sessionId = 'a8f0-11'
  const peer = await serveJson((request, url, body) => {
    if (request.method === 'POST' && url.pathname === '/icat/session')
      return JSON.stringify(body) === JSON.stringify(account)
        ? { status: 200, body: { sessionId, username: account.username } }
        : { status: 403, body: {} }
    const [, session, rest] = /^\/icat\/catalogue\/([^/]+)\/investigation(.*)$/.exec(url.pathname) ?? []
    if (session !== sessionId) return { status: 401, body: {} }
    if (rest === '' || rest === '/status/released/investigation') return { status: 200, body: records }
    const id = /^\/id\/([^/]+)\/investigationusers$/.exec(rest ?? '')?.[1]
    return id === undefined ? { status: 404, body: {} } : { status: 200, body: users.get(id) ?? [] }
  })
  return {
    ...peer,
    /** Investigations as they go over the wire; their users are asked for by id. */
    records(all: readonly Readonly<Record<string, unknown>>[], members: Readonly<Record<string, readonly unknown[]>>) {
      records = all
      users.clear()
      for (const [id, list] of Object.entries(members)) users.set(id, list)
    },
    says(sketches: readonly Sketch[]) {
      users.clear()
      records = sketches.flatMap(({ project, title, experiments, members }) =>
        experiments.map(({ id, instrument, starts, ends }) => {
          users.set(
            id,
            members.map(({ login, role }) => ({
              name: login,
              fullName: login,
              role: role === 'owner' ? 'Principal investigator' : 'Scientist',
              investigationName: project,
              investigationId: id,
            })),
          )
          return {
            id,
            name: project,
            title,
            visitId: instrument,
            startDate: `${starts}T10:00:00.000+02:00`,
            endDate: `${ends}T10:00:00.000+02:00`,
          }
        }),
      )
    },
  }
}
