import { absent, dead, internal, json, nothing, page, Refused, unsupported } from './answers.ts'
import type { Answer } from './answers.ts'
import { deleteActive, listActive, ownTunnels, patchActive } from './active.ts'
import * as connections from './connections.ts'
import { exchange } from './exchanges.ts'
import { deleteGroup, getGroup, getTree, postGroup } from './groups.ts'
import { connectionHistory, historyOf, userHistory } from './history.ts'
import { dataSources, postTokens } from './login.ts'
import type { NodeState } from './node-state.ts'
import { getOwnPermissions, getUserPermissions, patchGroupPermissions, patchUserPermissions } from './permissions.ts'
import * as profiles from './profiles.ts'
import { tokenOf } from './requests.ts'
import type { Request, Route } from './requests.ts'
import { deleteUserGroup, patchMembers, postUserGroup } from './user-groups.ts'
import * as users from './users.ts'

const recorded = (name: string): Route => {
  const { body } = exchange(name).response
  return () => json(body)
}

/** Below a data source: what each path answers to, and what its 405 page allows. `{}` is one name. */
const directory: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  self: { DELETE: () => nothing, GET: users.getSelf, PUT: () => nothing },
  'self/effectivePermissions': { GET: getOwnPermissions },
  connections: {
    GET: connections.listConnections,
    POST: connections.postConnection,
    PATCH: connections.patchConnections,
  },
  'connections/{}': {
    DELETE: connections.deleteConnection,
    GET: connections.getConnection,
    PUT: connections.putConnection,
  },
  'connections/{}/parameters': { GET: connections.getParameters },
  'connections/{}/history': { GET: historyOf },
  'connections/{}/sharingProfiles': { GET: profiles.listProfilesOf },
  connectionGroups: { POST: postGroup },
  'connectionGroups/{}': { DELETE: deleteGroup, GET: getGroup },
  'connectionGroups/{}/tree': { GET: getTree },
  users: { GET: users.listUsers, POST: users.postUser },
  'users/{}': { DELETE: users.deleteUser, GET: users.getUser, PUT: users.putUser },
  'users/{}/password': { PUT: users.putPassword },
  'users/{}/permissions': { GET: getUserPermissions, PATCH: patchUserPermissions },
  'users/{}/effectivePermissions': { GET: getUserPermissions },
  userGroups: { POST: postUserGroup },
  'userGroups/{}': { DELETE: deleteUserGroup },
  'userGroups/{}/memberUsers': { PATCH: patchMembers },
  'userGroups/{}/permissions': { PATCH: patchGroupPermissions },
  activeConnections: { GET: listActive, PATCH: patchActive },
  'activeConnections/{}': { DELETE: deleteActive },
  'activeConnections/{}/sharingCredentials/{}': { GET: profiles.getSharingCredentials },
  sharingProfiles: { POST: profiles.postProfile },
  'sharingProfiles/{}': { DELETE: profiles.deleteProfile, GET: profiles.getProfile },
  'sharingProfiles/{}/parameters': { GET: profiles.getProfileParameters },
  'history/connections': { GET: connectionHistory },
  'history/users': { GET: userHistory },
  'schema/protocols': { GET: recorded('schema.protocols') },
  'schema/connectionAttributes': { GET: recorded('schema.connectionAttributes') },
  'schema/userAttributes': { GET: recorded('schema.userAttributes') },
}
const patterns = Object.entries(directory).map(([path, routes]) => ({
  pattern: new RegExp(`^${path.replaceAll('{}', '([^/]+)')}$`),
  routes,
}))

/** Answers one request as the web application does. Whatever goes wrong is an answer, too. */
export async function answer(state: NodeState, request: Request): Promise<Answer> {
  try {
    return await route(state, request)
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    const { status, type } = error.answer
    const isLogin = request.method === 'POST' && request.path === '/api/tokens' && status === 403
    if (type === 'application/json') state.failed(tokenOf(request), isLogin)
    return error.answer
  }
}

async function route(state: NodeState, request: Request): Promise<Answer> {
  const { method, path } = request
  // The servlet container refuses an encoded slash before anybody sees it.
  if (/%2f/i.test(path)) throw page(400)
  if (path === '/api/tokens' && method === 'POST') return postTokens(state, request)
  const token = /^\/api\/tokens\/([^/]+)$/.exec(path)?.[1]
  if (token !== undefined) {
    if (method !== 'DELETE') throw page(405, 'DELETE,OPTIONS')
    if (!state.logout(token)) throw absent('No such token.')
    return nothing
  }
  if (path === '/api/session') return session(state, request)
  if (path === '/api/languages') return json({ en: 'English' })
  if (path === '/api/patches') return json(exchange('patches').response.body)
  const [, source, below] = /^\/api\/session\/data\/([^/]+)\/(.+)$/.exec(path) ?? []
  if (path === '/api/session/tunnels' && method === 'GET') return await withLogin(state, request, ownTunnels, [])
  if (source === undefined || below === undefined) throw page(404)
  if (source === dataSources.main) return await data(state, request, below)
  return other(state, request, source, below)
}

function session(state: NodeState, request: Request): Answer {
  const token = tokenOf(request)
  switch (request.method) {
    case 'HEAD':
      // Alone among all it looks at the token without using it.
      if (state.find(token) === undefined) throw dead()
      return { status: 204, type: 'application/json' }
    case 'DELETE':
      if (token === null || state.find(token) === undefined) throw dead()
      state.logout(token)
      return nothing
    default:
      throw page(405, 'HEAD,DELETE,OPTIONS')
  }
}

async function data(state: NodeState, request: Request, below: string): Promise<Answer> {
  for (const { pattern, routes } of patterns) {
    const match = pattern.exec(below)
    if (match === null) continue
    const handler = routes[request.method]
    if (handler !== undefined) return await withLogin(state, request, handler, match.slice(1).map(decodeURIComponent))
    const allow = Object.keys(routes).toSpliced(2, 0, 'OPTIONS').join(',')
    throw page(405, allow)
  }
  throw page(404)
}

async function withLogin(
  state: NodeState,
  request: Request,
  handler: Route,
  names: readonly string[],
): Promise<Answer> {
  const login = state.use(tokenOf(request))
  if (!state.db.up) throw internal()
  if (login.user === null) throw unknownSource(dataSources.main)
  return await handler({ ...request, state, login, user: login.user, names })
}

const unknownSource = (source: string) => absent(`Session not associated with authentication provider "${source}".`)

/** The data sources beside the main one: connections joined by key, and those of an encrypted blob. */
function other(state: NodeState, request: Request, source: string, below: string): Answer {
  const login = state.use(tokenOf(request))
  if (source === dataSources.shared && below === 'connections') return json(joined(state, [...login.keys]))
  if (source !== dataSources.blob || login.blob === null) throw unknownSource(source)
  if (below === 'connections') return json(login.blob.connections)
  if (below !== 'activeConnections') throw page(404)
  if (request.method === 'GET') return json({})
  throw unsupported(
    'The extension providing this directory does not support Atomic Operations. The patch cannot be executed.',
  )
}

function joined(state: NodeState, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    keys.flatMap((key) => {
      const tunnel = state.tunnels.get(state.keys.get(key)?.tunnel ?? '')
      const connection = state.db.connections.get(tunnel?.connectionId ?? '')
      if (tunnel === undefined || connection === undefined) return []
      const attributes = { 'jdbc-shared-by': tunnel.login.username }
      const { name, protocol } = connection
      return [[key, { name, identifier: key, parentIdentifier: 'ROOT', protocol, attributes, activeConnections: 0 }]]
    }),
  )
}
