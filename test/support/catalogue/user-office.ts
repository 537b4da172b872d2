import type { Sketch } from './sketch.ts'
import { serveJson } from './serve-json.ts'

/** A facility's user office, as far as its list of proposals goes: HTTP Basic, pages, the wire's own odd forms. */
export async function startUserOffice(credentials: { readonly username: string; readonly password: string }) {
  const lists = new Map<string, readonly unknown[]>()
  const expected = `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`
  /** Records that a page says there are beside those that it has. */
  let lost = 0
  const peer = await serveJson((request, url) => {
    if (request.headers.authorization !== expected) return { status: 401, body: {} }
    const login = /^\/users\/([^/]+)\/proposals$/.exec(url.pathname)?.[1]
    if (login === undefined) return { status: 404, body: {} }
    const all = lists.get(decodeURIComponent(login)) ?? []
    const [page, size] = [Number(url.searchParams.get('page')), Number(url.searchParams.get('page_size'))]
    const results = all.slice((page - 1) * size, page * size)
    const hasMore = page * size < all.length
    return {
      status: 200,
      // As behind a proxy that does not know its own name: nobody follows it.
      body: { count: all.length + lost, next: hasMore ? 'http://192.0.2.1/next' : null, previous: null, results },
    }
  })
  return {
    ...peer,
    /** The person's records, as they go over the wire. */
    records: (login: string, records: readonly unknown[]) => void lists.set(login, records),
    loses: (records: number) => {
      lost = records
    },
    says(sketches: readonly Sketch[]) {
      const logins = new Set(sketches.flatMap(({ members }) => members.map(({ login }) => login)))
      for (const login of logins)
        lists.set(
          login,
          sketches.filter(({ members }) => members.some((member) => member.login === login)).map(recordOf),
        )
    },
  }
}

const recordOf = ({ project, title, experiments }: Sketch) => ({
  proposal_id: project,
  subject: title,
  body: '.',
  beam_line: experiments[0]?.instrument ?? '.',
  uid: '.',
  gid: '',
  sessions: experiments.map(({ id, starts, ends }, place) => ({
    session_number: id,
    // Both forms of dates.
    start_date: place % 2 === 0 ? `${starts}T00:00:00Z` : partsOf(starts),
    end_date: place % 2 === 0 ? `${ends}T00:00:00Z` : partsOf(ends),
    subject: '',
    body: null,
    data_set_path: null,
  })),
})

function partsOf(day: string) {
  const [year, month, date] = day.split('-').map(Number)
  return { year, month, day: date }
}
