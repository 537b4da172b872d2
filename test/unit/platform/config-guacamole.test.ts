import { expect, test } from 'vitest'
import { ConfigInvalid, readConfig } from '../../../platform/config.ts'
import { guacamoleSettings } from '../../../ports/access/guacamole/settings.ts'

const url = 'https://desks.example.org/guacamole/'
const account = { CARREL_GUACAMOLE_USERNAME: 'carrel', CARREL_GUACAMOLE_PASSWORD: 'not-to-be-told' }
const role = { CARREL_WORKER_ROLES: 'core,access' }

function faulty(env: Record<string, string>): string[] {
  try {
    readConfig(['guacamole'], env)
    return []
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error
    expect(error.message).not.toContain('not-to-be-told')
    return error.faults.map((fault) => fault.key)
  }
}

test('a worker of the role is told where its gateway is, as the driver takes it', () => {
  const { guacamole } = readConfig(['guacamole'], { ...role, ...account, CARREL_GUACAMOLE_URL: url })
  expect(guacamoleSettings.parse(guacamole)).toMatchObject({
    nodes: [{ name: 'guacamole', url, publicUrl: url }],
    username: 'carrel',
    dataSource: 'postgresql',
  })
  const nodes = [
    { name: 'a', url: 'http://10.0.0.5:8080/guacamole', publicUrl: 'https://a.example.org/' },
    { name: 'b', url: 'http://10.0.0.6:8080/guacamole', publicUrl: 'https://b.example.org/' },
  ]
  const many = readConfig(['guacamole'], {
    ...role,
    ...account,
    CARREL_GUACAMOLE_NODES: JSON.stringify(nodes),
    CARREL_GUACAMOLE_DATA_SOURCE: 'mysql',
  })
  expect(guacamoleSettings.parse(many.guacamole)).toMatchObject({
    nodes: [{ name: 'a' }, { name: 'b' }],
    dataSource: 'mysql',
  })
  expect(readConfig(['guacamole'], {}).guacamole).toBeNull()
})

test.each<[string, Record<string, string>, string[]]>([
  [
    'the role without a gateway',
    role,
    ['CARREL_GUACAMOLE_URL', 'CARREL_GUACAMOLE_USERNAME', 'CARREL_GUACAMOLE_PASSWORD'],
  ],
  [
    'a gateway without the role',
    { ...account, CARREL_GUACAMOLE_URL: url },
    ['CARREL_GUACAMOLE_URL', 'CARREL_GUACAMOLE_USERNAME', 'CARREL_GUACAMOLE_PASSWORD'],
  ],
  [
    'one address and a list of nodes',
    {
      ...role,
      ...account,
      CARREL_GUACAMOLE_URL: url,
      CARREL_GUACAMOLE_NODES: `[{"name":"a","url":"${url}","publicUrl":"${url}"}]`,
    },
    ['CARREL_GUACAMOLE_NODES'],
  ],
  [
    'nodes without a name',
    { ...role, ...account, CARREL_GUACAMOLE_NODES: `[{"url":"${url}","publicUrl":"${url}"}]` },
    ['CARREL_GUACAMOLE_NODES[0].name'],
  ],
  [
    'another database',
    { ...role, ...account, CARREL_GUACAMOLE_URL: url, CARREL_GUACAMOLE_DATA_SOURCE: 'json' },
    ['CARREL_GUACAMOLE_DATA_SOURCE'],
  ],
])('%s is refused', (_, env, keys) => {
  expect(faulty(env).toSorted()).toEqual(keys.toSorted())
})

test('desktops are the gateway’s own unless it is said that they are not', () => {
  expect(readConfig(['desktops'], {}).desktops.outside).toBe(false)
  expect(readConfig(['desktops'], { CARREL_DESKTOP_GATEWAY: 'guacamole' }).desktops.outside).toBe(true)
  expect(() => readConfig(['desktops'], { CARREL_DESKTOP_GATEWAY: 'else' })).toThrow(ConfigInvalid)
})
