import { expiredPassword, internal, invalidLogin, json, noLongerValid } from './answers.ts'
import type { Answer } from './answers.ts'
import type { User } from './database.ts'
import type { Login, NodeState } from './node-state.ts'
import type { Request } from './requests.ts'

const main = 'postgresql'
const shared = 'postgresql-shared'
export const dataSources = { main, shared, blob: 'json' }

const answer = (login: Login): Answer => {
  const availableDataSources = [...(login.username === '' ? [] : [main]), shared, ...(login.blob ? ['json'] : [])]
  const dataSource = login.blob ? 'json' : (availableDataSources[0] ?? '')
  return json({ authToken: login.token, username: login.username, dataSource, availableDataSources })
}

/** `POST /tokens`: a form, and nothing but a form. */
export function postTokens(state: NodeState, request: Request): Answer {
  state.refuseBanned(request.address)
  if (request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') !== true) throw internal()
  if (!state.db.up) throw internal()
  const form = new URLSearchParams(request.body.toString())
  const sent = form.get('token')
  const login = state.find(sent)
  const key = form.get('key')
  if (login !== undefined) return reuse(state, login, key)
  const fail = () => {
    state.countFailure(request.address)
    return invalidLogin()
  }
  if (key !== null) {
    if (!state.keys.has(key)) throw fail()
    return answer(state.login({ username: '', user: null, keys: new Set([key]) }))
  }
  const blob = form.get('data')
  if (blob !== null) {
    const known = state.blobs.get(blob)
    if (known === undefined) throw fail()
    return answer(state.login({ username: known.username, user: null, blob: known }))
  }
  const credentials =
    form.get('username') === null ? basic(request) : { name: form.get('username'), password: form.get('password') }
  if (credentials.name === null) throw sent === null ? invalidLogin() : fail()
  state.passwordLogins.set(credentials.name, (state.passwordLogins.get(credentials.name) ?? 0) + 1)
  const user = state.db.users.get(credentials.name)
  if (user === undefined || user.disabled || user.password === null || user.password !== credentials.password)
    throw fail()
  refuseExpired(user, state.now())
  const previousLogin = user.lastActive
  user.lastActive = state.now()
  return answer(state.login({ username: user.name, user, previousLogin }))
}

/** A live token is all that counts: credentials beside it are not looked at. */
function reuse(state: NodeState, login: Login, key: string | null): Answer {
  if (login.user !== null && (login.user.disabled || state.db.users.get(login.username) !== login.user))
    throw invalidLogin()
  login.lastUsed = state.now()
  if (key !== null && state.keys.has(key)) login.keys.add(key)
  return answer(login)
}

function basic(request: Request): { name: string | null; password: string | null } {
  const sent = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1]
  if (sent === undefined) return { name: null, password: null }
  const [name = '', ...password] = Buffer.from(sent, 'base64').toString().split(':')
  return { name, password: password.join(':') }
}

function refuseExpired(user: User, now: number): void {
  const until = user.attributes['valid-until']
  if (until && Date.parse(until) + 24 * 3_600_000 < now) throw noLongerValid()
  if (user.attributes.expired === 'true') throw expiredPassword()
}
