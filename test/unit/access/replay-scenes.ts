import type { ReplayStage } from '../../support/guacamole/stage.ts'

const secrets = { hostname: '127.0.0.1', port: '15901', password: 'vnc-secret' }

/** What had happened, unrecorded, before the exchange of this name. */
export const scenes: Readonly<Record<string, (stage: ReplayStage) => void>> = {
  'group.create': (s) => void s.login('<service-token>', 'guacadmin'),
  'connection.put.rename-to-existing': (s) => {
    const made = s.connection('12', 's-02', '1', secrets)
    Object.assign(made.attributes, { 'max-connections': '4', 'max-connections-per-user': '2' })
  },
  'self.permissions.new-user': (s) => void s.login('<user-token>', 'u-17'),
  'user.delete': (s) => {
    s.user('u-18')
    s.login('<token-of-deleted-user>', 'u-18')
    const previous = s.node.state.find(s.bindings.get('<token-of-deleted-user>'))
    if (previous?.previousLogin !== null) throw new Error('u-18 had logged in before')
  },
  'data.old-token-after-user-recreated': (s) => s.grant('u-18', 'connectionPermissions', '1'),
  'service.grant-system-permissions': (s) => void s.user('svc-portal'),
  'service.self.permissions': (s) => void s.login('<limited-service-token>', 'svc-portal'),
  'service.group.create': (s) => s.db.skipTo('group', 4),
  'service.connection.create': (s) => s.db.skipTo('connection', 28),
  'service.active.list': (s) => {
    s.login('<p-1-token>', 'p-1')
    s.open('<p-1-token>', '29', '<active-uuid>')
  },
  'user.active.kill.own': (s) => {
    s.bindings.set('<p-1-uuid>', s.bindings.get('<active-uuid>') ?? '')
    s.grant('u-17', 'connectionPermissions', '1')
    s.open('<user-token>', '1', '<active-uuid>')
  },
  'service.history': (s) => {
    s.endAll()
    s.bindings.set('<active-uuid>', s.bindings.get('<p-1-uuid>') ?? '')
  },
  'connection.create.in-root-after-raced-duplicates': (s) => {
    for (const id of ['31', '32']) s.connection(id, 'rr-svc-70898-3', 'ROOT')
  },
  'active.list': (s) => {
    s.connection('27', 'live-1-57223')
    s.connection('28', 'live-2-57223')
    s.grant('u-17', 'connectionPermissions', '27')
    s.open('<user-token>', '27', '<active-uuid>')
  },
  'active.list.other-user': (s) => void s.login('<other-user-token>', 'u-18'),
  'user.connection-after-grant-same-token': (s) => s.grant('u-17', 'connectionPermissions', '28'),
  'active.kill.delete': (s) => void s.open('<user-token>', '28', '<active-uuid-2>'),
  'token.delete.with-open-tunnels': (s) => {
    s.open('<user-token>', '27', '<active-uuid>')
  },
  'connection.delete.open-tunnel': (s) => {
    s.login('<user-token>', 'u-17')
    s.open('<user-token>', '27', '<active-uuid>')
  },
  'sharingProfile.create': (s) => void s.connection('36', 'share-44771'),
  'sharingCredentials.admin': (s) => {
    s.endAll()
    s.grant('u-17', 'connectionPermissions', '36')
    s.open('<user-token>', '36', '<active-uuid>')
  },
  'sharingCredentials.owner-with-profile-read': (s) => s.grant('u-17', 'sharingProfilePermissions', '2'),
  'sharingCredentials.stranger': (s) => void s.login('<other-user-token>', 'u-18'),
  'active.list.with-share': (s) =>
    void s.open('<anonymous-share-token>', '36', '<share-active-uuid>', s.bindings.get('<share-key>')),
  'token.create.share-key-dead': (s) => s.endAll(),
  'user.active.kill.own-after-revoke': (s) => {
    s.grant('u-17', 'connectionPermissions', '1')
    s.open('<user-token>', '1', '<active-uuid>')
    s.user('u-17').grants.objects.get('connectionPermissions')?.clear()
  },
  'active.kill.two': (s) => {
    s.endAll()
    s.open('<user-token>', '1', '<active-uuid>')
  },
  'connection.parameters.dollar': (s) =>
    void s.connection('59', 'dollar', '1', {
      hostname: '127.0.0.1',
      port: '15901',
      password: 'a${GUAC_USERNAME}b$${X}c${NOPE}',
    }),
  'json.token.create': (s) => {
    const common = { parentIdentifier: 'ROOT', attributes: {}, activeConnections: 0 }
    s.node.state.blobs.set('b64-of-an-encrypted-blob', {
      username: 'j-17',
      connections: {
        watch: { name: 'watch', identifier: 'watch', ...common },
        's-01': { name: 's-01', identifier: 's-01', protocol: 'vnc', ...common },
      },
    })
  },
  'ban.bad-login-1': (s) => void (s.node.state.banning = true),
  'ban.bad-login-4': (s) => void s.node.state.failures.set('127.0.0.1', 3),
  'tree.permission-filter': (s) => {
    s.node.state.banning = false
    s.node.state.failures.clear()
    s.login('<service-token>', 'guacadmin')
  },
  'user.put.empty-attributes': (s) =>
    void Object.assign(s.user('attr-p53475').attributes, { 'guac-full-name': 'N', 'valid-until': '2030-01-01' }),
  'token.create.past-valid-until': (s) => void (s.user('attr-p53475').attributes['valid-until'] = '2020-01-01'),
  'token.create.expired-password': (s) =>
    void Object.assign(s.user('attr-p53475').attributes, { 'valid-until': null, expired: 'true' }),
  'database-down.token.create': (s) => {
    s.endAll()
    s.connection('107', 'dbdown-o15057')
    s.grant('u-17', 'connectionPermissions', '107')
    s.login('<user-token>', 'u-17')
    s.open('<user-token>', '107', '<active-uuid>')
    s.open('<user-token>', '107', '<survivor>')
    s.db.up = false
  },
  'database-back.first-call': (s) => void (s.db.up = true),
  // The survivor goes while the database is away again: its end is never written.
  'database-back.history': (s) => {
    s.db.up = false
    s.endAll()
    s.db.up = true
  },
  'connection.put.open-tunnel': (s) => {
    s.connection('118', 'puts78625')
    s.grant('u-17', 'connectionPermissions', '118')
    s.login('<user-token>', 'u-17')
    s.open('<user-token>', '118', '<active-uuid>')
  },
  'group.delete.open-tunnel': (s) => {
    s.db.groups.set('18', { id: '18', parent: '1', name: 'g-18', attributes: {} })
    s.connection('119', 'in-18', '18')
    s.open('<user-token>', '119', '<active-uuid>')
  },
  'user.put.disabled-string': (s) => void s.user('u-18'),
}

/** Exchanges whose recording holds fewer entries than the server had: the shape of an entry is compared. */
export const shapesOnly: ReadonlySet<string> = new Set([
  'history.connections',
  'history.connections.contains',
  'history.of-connection',
  'history.users',
  'history.own',
  'service.history',
  'service.history.of-connection',
  'database-back.history',
])

const parameterOf = (name: string, value: string) => ({
  parentIdentifier: '1',
  name: 's-4096',
  protocol: 'vnc',
  parameters: { ...secrets, [name]: value },
  attributes: { 'max-connections': '4', 'max-connections-per-user': '2' },
})
const text = (length: number) => 'x'.repeat(length)

/** Bodies that the recording describes instead of holding them. */
export const describedBodies: Readonly<Record<string, object>> = {
  'connection.create.parameter-4096': parameterOf('private-key', text(4096)),
  'connection.create.parameter-4097': { ...parameterOf('private-key', text(4097)), name: 's-4097' },
  'connection.create.parameter-name-129': { ...parameterOf(text(129), 'v'), name: 's-n129' },
  'connection.create.body-over-2MiB': { ...parameterOf('hostname', text(2_300_000)), name: 's-big' },
}
